/**
 * Work that may wait for its turn, one piece a frame: several canvases drawn in one go would stop the page. Owns the order; a piece
 * that is taken back is never run.
 */
import { browser } from '../browser.ts'
import type { Cancel } from '../browser-port.ts'

const waiting = new Set<() => void>()

/** Runs `work` in a frame of its own, after what waits already. */
export function oneAFrame(work: () => void): Cancel {
  const piece = (): void => work()
  if (waiting.size === 0) browser.onFrame(runNext)
  waiting.add(piece)
  return () => {
    waiting.delete(piece)
  }
}

function runNext(): void {
  const [piece] = waiting
  if (piece === undefined) return
  waiting.delete(piece)
  // Before the piece: one that throws must not keep the others waiting for ever.
  if (waiting.size > 0) browser.onFrame(runNext)
  piece()
}

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
  waiting.add(piece)
  ask()
  return () => {
    waiting.delete(piece)
  }
}

let isAsked = false

function ask(): void {
  if (isAsked || waiting.size === 0) return
  isAsked = true
  browser.onFrame(runNext)
}

function runNext(): void {
  isAsked = false
  const [piece] = waiting
  if (piece === undefined) return
  waiting.delete(piece)
  // Before the piece: one that throws must not keep the others waiting for ever.
  ask()
  piece()
}

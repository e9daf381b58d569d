/**
 * A session as lines of JSON: a head that says what it is, what there was at its beginning, then one record a line. The page reads and
 * writes such files, too (`page/model/session-file.ts`). Knows no file and no connection.
 */
import { eventRecordsMax } from '../wire/inspector-api.ts'
import type { TraceRecord, traceFormat } from '../wire/trace-record.ts'
import { Cursor } from './cursor.ts'
import type { Recorder } from './recorder.ts'

/** First line of an exported session. */
export interface SessionHead {
  readonly format: typeof traceFormat
  readonly product: 'memory-sync'
  /** Of the package that wrote it. */
  readonly version: string
  readonly namespace: string
  readonly store: string
  /** Milliseconds since 1970. */
  readonly exportedAtMs: number
}

/** The recording up to its present end, in chunks of whole lines. */
export function* exportChunks(recorder: Recorder, head: SessionHead): Generator<string> {
  yield `${JSON.stringify(head)}\n`
  const { epoch, first, end } = recorder
  const before = recorder.before()
  for (let given = 0; given < before.length; given += eventRecordsMax) {
    yield chunkOf(before.slice(given, given + eventRecordsMax).map((record) => JSON.stringify(record)))
  }
  const cursor = new Cursor(recorder, { epoch, place: first })
  for (let place = first; place < end; ) {
    const piece = cursor.next()
    // Whoever reads this slowly, the recording has left behind.
    if (piece === null || piece.type !== 'records' || piece.place === null) {
      yield `${JSON.stringify(gapOf(head.exportedAtMs, end - place))}\n`
      return
    }
    place = piece.place.place
    yield chunkOf(piece.lines)
  }
}

/**
 * The recording from its beginning, and on until the signal is aborted: as {@link exportChunks}, but nothing goes from it that the
 * reader has had the time to read.
 */
export async function* followChunks(recorder: Recorder, head: SessionHead, signal: AbortSignal): AsyncGenerator<string> {
  yield `${JSON.stringify(head)}\n`
  const cursor = new Cursor(recorder, { epoch: recorder.epoch, place: 0 })
  for (;;) {
    const piece = cursor.next()
    if (piece === null) {
      if (signal.aborted) return
      await newsOf(recorder, signal)
    } else if (piece.type === 'records') {
      yield chunkOf(piece.lines)
    } else if (piece.type === 'reset') {
      yield `${JSON.stringify(gapOf(head.exportedAtMs, piece.lost))}\n`
    }
  }
}

/** Settles when something was recorded, or at the end. */
function newsOf(recorder: Recorder, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      forget()
      signal.removeEventListener('abort', settle)
      resolve()
    }
    const forget = recorder.onAppend(settle)
    signal.addEventListener('abort', settle, { once: true })
  })
}

/** Says in an export that records are missing which only this reader missed. */
export function gapOf(atMs: number, lost: number | null): TraceRecord {
  return { type: 'gap', source: 'export', seq: 0, atMs, lost, reason: 'slow-watcher' }
}

function chunkOf(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

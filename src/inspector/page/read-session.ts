/**
 * A session's file on its way in and out: bytes to records without stopping the page, lines to a text. Knows neither where the bytes come
 * from nor who shows the records.
 */
import { messageOf } from '../../domain/errors.ts'
import type { TraceRecord } from '../../wire/trace-record.ts'
import { SessionFileReader } from './model/session-file.ts'

/** Taken at a time: the page stays alive meanwhile. */
const fileSliceBytes = 256 * 1024

/**
 * Never rejects: what is wrong with the file is told.
 *
 * @param append false: something else is shown by now; the rest is not read.
 * @param begin called when the file has turned out to be a session: until then nothing is given up for it.
 * @returns what is to be told of it; null: nothing.
 */
export async function readSession(
  chunks: AsyncIterable<Uint8Array>,
  begin: () => void,
  append: (records: readonly TraceRecord[]) => boolean,
  breathe: () => Promise<void>,
): Promise<string | null> {
  const reader = new SessionFileReader()
  const decoder = new TextDecoder()
  let hasBegun = false
  const take = (records: readonly TraceRecord[]): boolean => {
    if (!hasBegun && reader.exportedAtMs !== null) {
      hasBegun = true
      begin()
    }
    return !hasBegun || append(records)
  }
  try {
    for await (const chunk of chunks) {
      for (let from = 0; from < chunk.length; from += fileSliceBytes) {
        const text = decoder.decode(chunk.subarray(from, from + fileSliceBytes), { stream: true })
        if (!take(reader.read(text))) return null
        await breathe()
      }
    }
    return take(reader.end()) ? reader.notice : null
  } catch (cause) {
    return `${hasBegun ? 'The rest of the file cannot be read' : 'This file cannot be opened'}: ${messageOf(cause)}`
  }
}

export function* linesWithBreaks(lines: Iterable<string>): Iterable<string> {
  for (const line of lines) yield `${line}\n`
}

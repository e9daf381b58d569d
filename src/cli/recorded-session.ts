/** Recorded sessions from the disk, for the commands that take one. Knows no command and nothing of what is recorded. */
import { createReadStream } from 'node:fs'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import { SessionFileReader } from '../inspector/page/model/session-file.ts'
import type { TraceRecord } from '../wire/trace-record.ts'

/**
 * Its records, piece by piece; the first piece comes once the file has turned out to be a session.
 *
 * @throws `invalid_value` for a file that is no session, is changed, or cannot be read
 */
export async function* recordsIn(file: string): AsyncGenerator<readonly TraceRecord[]> {
  const reader = new SessionFileReader()
  try {
    for await (const text of createReadStream(file, 'utf8') as AsyncIterable<string>) {
      const records = reader.read(text)
      if (reader.exportedAtMs !== null) yield records
    }
    yield reader.end()
  } catch (cause) {
    // Whatever the reason, it is the wrong file.
    throw new MemorySyncError('invalid_value', `${quote(file)} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

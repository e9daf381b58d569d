/**
 * A session as a file: JSON lines, the first one says what it is, each other one is a record. Knows no disk and no page: lines go out,
 * pieces of text come in.
 *
 * - J1 the file of a trimmed session is complete: it begins with records that make the oldest state that is still there
 * - J2 nothing is read on trust: what is no session, or of a newer format, is refused with the reason; a line that was cut at the end
 *   is left out and told
 */
import { MemorySyncError, quote } from '../../../domain/errors.ts'
import { type TraceRecord, traceFormat } from '../../../wire/trace-record.ts'
import type { FoldedState } from './fold.ts'
import { rebuildingRecords } from './rebuilding-records.ts'
import { checkedBytes } from './record-check.ts'
import type { RecordingReader } from './session-state.ts'

export const sessionProduct = 'memory-sync'
/** A longer line is no record. In UTF-16 units. */
export const lineLengthMax = 4 * 1024 * 1024

/** What is exported. */
export interface ExportedRecording extends Pick<RecordingReader, 'firstPosition' | 'endPosition' | 'dropped' | 'at'> {
  stateAt(position: number): FoldedState
}

/** The lines of a session's file, without their ends. The session must not be cleared meanwhile; what is appended is not in it. */
export function* exportLines(recording: ExportedRecording, exportedAtMs: number): Generator<string, undefined> {
  yield JSON.stringify({ format: traceFormat, product: sessionProduct, exportedAtMs })
  const { firstPosition, endPosition } = recording
  for (const record of rebuildingRecords(recording.stateAt(firstPosition), recording.dropped)) yield JSON.stringify(record)
  for (let position = firstPosition; position < endPosition; position++) {
    const record = recording.at(position)
    if (record !== undefined) yield JSON.stringify(record)
  }
}

/**
 * Reads such a file piece by piece.
 *
 * ```ts
 * const reader = new SessionFileReader()
 * for await (const text of file) recording.append(reader.read(text))
 * recording.append(reader.end())
 * ```
 */
export class SessionFileReader {
  #rest = ''
  #line = 0
  #exportedAtMs: number | null = null
  #records = 0
  #ignored = 0
  #isCut = false

  /** When the session was written; null: not known (yet). */
  get exportedAtMs(): number | null {
    return this.#exportedAtMs
  }

  get records(): number {
    return this.#records
  }

  /** Lines that are JSON but no record of a type that is known here. */
  get ignored(): number {
    return this.#ignored
  }

  /** What is to be told of a file that was read to its end; null: nothing. */
  get notice(): string | null {
    const told: string[] = []
    if (this.#isCut) told.push(`The file ends in the middle of line ${this.#line}: that record is missing, and what followed it.`)
    if (this.#ignored > 0) {
      told.push(`${this.#ignored} ${this.#ignored === 1 ? 'line is no record' : 'lines are no records'} that this page knows.`)
    }
    if (told.length === 0 && this.#records === 0) told.push('The file holds no records.')
    return told.length === 0 ? null : told.join(' ')
  }

  /**
   * @returns the records of the lines that this piece ended.
   * @throws `corrupt` for what is no session's file, `not_supported` for one of a newer format, `too_large` for a line above
   * {@link lineLengthMax}. Each names the line and quotes it.
   */
  read(text: string): TraceRecord[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > lineLengthMax) throw tooLong(this.#line + 1, this.#rest)
    const records: TraceRecord[] = []
    for (const line of lines) this.#read(line, false, records)
    return records
  }

  /** The file's end. @throws as {@link read}. */
  end(): TraceRecord[] {
    const records: TraceRecord[] = []
    const rest = this.#rest
    this.#rest = ''
    this.#read(rest, true, records)
    if (this.#exportedAtMs === null) throw new MemorySyncError('corrupt', `the file is empty: ${expectation}`)
    return records
  }

  #read(line: string, isLast: boolean, into: TraceRecord[]): void {
    if (line.length > lineLengthMax) throw tooLong(this.#line + 1, line)
    if (line.trim() === '') {
      if (!isLast) this.#line++
      return
    }
    this.#line++
    let value: unknown
    try {
      // A mark of the text's encoding may stand before the first line.
      value = JSON.parse(line.trim())
    } catch (cause) {
      if (isLast && this.#exportedAtMs !== null) {
        this.#isCut = true
        return
      }
      const reason = this.#exportedAtMs === null ? `: ${expectation}` : '. The file was changed, or is no session.'
      throw new MemorySyncError('corrupt', `line ${this.#line} is no JSON, ${quote(line)}${reason}`, { cause })
    }
    if (this.#exportedAtMs === null) {
      this.#exportedAtMs = readHeader(value)
    } else if (checkedBytes(value) === null) {
      this.#ignored++
    } else {
      this.#records++
      into.push(value as TraceRecord)
    }
  }
}

const expectation = 'choose a .jsonl file that was exported from the inspector'

/** @returns when it was written, 0 if it does not say. */
function readHeader(value: unknown): number {
  const header = (typeof value === 'object' && value !== null ? value : {}) as { readonly [member: string]: unknown }
  const { format, product, exportedAtMs } = header
  // A header that does not name the product is taken, too.
  if ((product !== undefined && product !== sessionProduct) || typeof format !== 'number') {
    throw new MemorySyncError('corrupt', `line 1 is not the header of a session, ${quote(value)}: ${expectation}`)
  }
  if (format !== traceFormat) {
    throw new MemorySyncError(
      'not_supported',
      `the session has format ${format}, and this page reads format ${traceFormat}: open it with the memory-sync that wrote it, or a newer one`,
    )
  }
  return typeof exportedAtMs === 'number' ? exportedAtMs : 0
}

function tooLong(line: number, text: string): MemorySyncError {
  return new MemorySyncError(
    'too_large',
    `line ${line} is longer than ${lineLengthMax} characters, ${quote(text)}: no record is. The file was changed, or is no session.`,
  )
}

/**
 * Records as a Mermaid sequence diagram: who sent what to whom, what was written to memory and what was committed there. Pure; keeps
 * the order of the records. Knows neither where they come from nor who shows them.
 */
import { mermaidLabel } from './mermaid-text.ts'
import type { SourceRecord, TraceRecord } from './trace-record.ts'

/** Mermaid draws no more than a few hundred messages in acceptable time. */
export const sequenceMessagesMax = 300
/** More columns nobody can read. */
export const sequenceParticipantsMax = 40

export interface SequenceOptions {
  /** Messages drawn; the rest is counted in a last note. Default {@link sequenceMessagesMax}. */
  readonly messagesMax?: number
}

export function mermaidSequence(records: Iterable<TraceRecord>, options: SequenceOptions = {}): string {
  const drawing = new Drawing(options.messagesMax ?? sequenceMessagesMax)
  for (const record of records) drawing.add(record)
  return drawing.text
}

const memoryId = 'memory'
const outsideId = 'outside'

class Drawing {
  readonly #messagesMax: number
  readonly #sources = new Map<string, SourceRecord>()
  /** Name by id: `<source>|<address>`, or one of the two above. */
  readonly #nameById = new Map<string, string>()
  readonly #lines: string[] = []
  #messages = 0
  #leftOut = 0

  constructor(messagesMax: number) {
    this.#messagesMax = messagesMax
  }

  get text(): string {
    // Only now it is known how many processes there are.
    const heads = [...this.#nameById].map(([id, name]) => `  participant ${name} as ${mermaidLabel(this.#titleOf(id))}`)
    const lines = ['sequenceDiagram', ...heads, ...this.#lines]
    const [first] = this.#nameById.values()
    if (this.#leftOut > 0 && first !== undefined) lines.push(`  note over ${first}: ${this.#leftOut} more are not drawn`)
    return lines.join('\n')
  }

  add(record: TraceRecord): void {
    switch (record.type) {
      case 'source':
        this.#sources.set(record.source, record)
        break
      case 'transition': {
        const sender = record.sender === null ? outsideId : `${record.source}|${record.sender}`
        const self = `${record.source}|${record.address}`
        this.#message(sender, '->>', self, record.event.type)
        for (const { key, value } of record.writes)
          this.#message(self, '->>', memoryId, value === undefined ? `delete ${key}` : key)
        break
      }
      case 'dead-letter':
        this.#message(outsideId, '-x', `${record.source}|${record.address}`, `${record.event.type} (nobody is there)`)
        break
      case 'change':
        if (record.isSnapshot === true) break
        this.#note(memoryId, `${record.key} at revision ${record.revision} by ${record.entry.workerId}`)
        break
      case 'conflict':
        this.#note(memoryId, `conflict at ${record.key}, decided by ${record.strategy}`)
        break
      case 'actor.ended':
        if (record.how === 'crashed') this.#note(`${record.source}|${record.address}`, `crashed ${record.error ?? ''}`)
        break
      case 'source.lost':
        this.#note(memoryId, `${this.#ownerOf(record.source)} is gone: ${record.reason}`)
        break
      case 'gap':
        this.#note(memoryId, `${record.lost ?? 'some'} records are missing (${record.reason})`)
        break
      default:
    }
  }

  #message(from: string, arrow: string, to: string, label: string): void {
    this.#draw([from, to], ([a, b]) => `${a}${arrow}${b}: ${mermaidLabel(label)}`)
  }

  #note(over: string, label: string): void {
    this.#draw([over], ([name]) => `note over ${name}: ${mermaidLabel(label)}`)
  }

  #draw(ids: readonly string[], lineOf: (names: readonly string[]) => string): void {
    const newcomers = new Set(ids.filter((id) => !this.#nameById.has(id))).size
    if (this.#messages >= this.#messagesMax || this.#nameById.size + newcomers > sequenceParticipantsMax) {
      this.#leftOut++
      return
    }
    this.#messages++
    this.#lines.push(`  ${lineOf(ids.map((id) => this.#participant(id)))}`)
  }

  #participant(id: string): string {
    const known = this.#nameById.get(id)
    if (known !== undefined) return known
    const name = `p${this.#nameById.size}`
    this.#nameById.set(id, name)
    return name
  }

  #titleOf(id: string): string {
    const at = id.indexOf('|')
    if (at === -1) return id
    // Which process it is in matters only where there are several.
    const processes = [...this.#sources.values()].filter(({ kind }) => kind === 'process').length
    const address = id.slice(at + 1)
    return processes > 1 ? `${address} @ ${this.#ownerOf(id.slice(0, at))}` : address
  }

  #ownerOf(source: string): string {
    return this.#sources.get(source)?.workerId ?? source
  }
}

/**
 * What may be told: the hook over what does not come from the own process (that redacts itself), the secrets of inspection itself, and
 * the bound of a value. Knows no stream.
 *
 * - T1 the token of an announcement is not told with its entry: who reads a page could else send events where the page may not
 */
import type { Entry } from '../domain/entry.ts'
import type { MemorySyncError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { announcementKey, announcementOf } from '../trace/beacon-keys.ts'
import { Cutter } from '../trace/cut.ts'
import { Redactor } from '../trace/redactor.ts'
import type { Redact, RedactPlace } from '../trace/trace-source.ts'
import { type CutValue, isCut, redactedText, type TraceRecord, valueBytesMax } from '../wire/trace-record.ts'

/** Members of a large object that are cut each by itself, and what each may take then. */
const cutMembersMax = 32
const memberBytesMax = 512

export class Redaction {
  readonly #redactor: Redactor
  readonly #before: string
  readonly #behind: string
  readonly #cutter = new Cutter()

  constructor(namespace: string, redact: Redact | undefined, report: (error: MemorySyncError) => void) {
    this.#redactor = new Redactor(redact === undefined ? [] : [redact], report)
    const [before = '', behind = ''] = announcementKey(namespace, '*').split('*')
    this.#before = before
    this.#behind = behind
  }

  /** The whole entry. */
  entry(key: string, entry: Entry): Entry {
    const isAnnouncement = key.startsWith(this.#before) && key.endsWith(this.#behind)
    const announcement = isAnnouncement ? announcementOf(entry.value) : null
    const value: Json = announcement === null ? entry.value : { ...announcement, token: redactedText }
    return { ...entry, value: this.#told(value, { kind: 'entry', address: null, name: key }) }
  }

  /** As a record tells it: within its bound. */
  cutEntry(key: string, given: Entry): Entry<Json | CutValue> {
    const entry = this.entry(key, given)
    const value = this.#cut(entry.value)
    const { x } = entry
    if (x?.f === undefined || JSON.stringify(x.f).length <= valueBytesMax) return { ...entry, value }
    const { f: _, ...rest } = x
    return { ...entry, value, x: rest }
  }

  /** Of an object with few members only the large ones are cut: what a task's record says is read whatever its input is. */
  #cut(value: Json): Json | CutValue {
    const whole = this.#cutter.cut(value, valueBytesMax)
    if (!isCut(whole) || typeof value !== 'object' || value === null || Array.isArray(value)) return whole
    const members = Object.entries(value)
    if (members.length > cutMembersMax) return whole
    return Object.fromEntries(members.map(([name, member]) => [name, this.#cutter.cut(member, memberBytesMax) as Json]))
  }

  /** A record of another process, which has redacted and cut it by its own rules. */
  record(record: TraceRecord): TraceRecord {
    if (this.#redactor.isIdle) return record
    switch (record.type) {
      case 'actor':
        return { ...record, context: this.#told(record.context, placeOf('context', record.address, record.chartId ?? '')) }
      case 'transition': {
        const { address, event, actions, writes, context } = record
        const told = {
          ...record,
          event: this.#event(address, event),
          actions: actions.map((action) =>
            action.params === undefined
              ? action
              : { ...action, params: this.#told(action.params, placeOf('params', address, action.type)) },
          ),
          writes: writes.map((write) =>
            write.value === undefined
              ? write
              : { ...write, value: this.#told(write.value, placeOf('write', address, write.key)) },
          ),
        }
        return context === undefined ? told : { ...told, context: this.#told(context, placeOf('context', address, '')) }
      }
      case 'dead-letter':
        return { ...record, event: this.#event(record.address, record.event) }
      case 'conflict': {
        const { key, sides, resolved } = record
        const place = placeOf('conflict', null, key)
        return {
          ...record,
          sides: sides.map((side) => ({ ...side, value: this.#told(side.value, place) })),
          resolved: this.#told(resolved, place),
        }
      }
      default:
        return record
    }
  }

  #event<Event extends { readonly type: string }>(address: string, event: Event): Event {
    return this.#redactor.event(address, event) as Event
  }

  #told(value: unknown, place: RedactPlace): Json {
    return this.#redactor.value(value, place) as Json
  }
}

function placeOf(kind: RedactPlace['kind'], address: string | null, name: string): RedactPlace {
  return { kind, address, name }
}

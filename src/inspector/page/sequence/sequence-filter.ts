/**
 * Which records and messages of a session a sequence diagram is about. Pure.
 *
 * - F1 a record is looked for only if at least one of its messages would be shown
 */
import type { TraceRecord } from '../../../wire/trace-record.ts'
import type { Message, MessageKind } from './sequence-messages.ts'

/** One actor and the keys that are its own. */
export interface Subject {
  readonly source: string
  readonly address: string
  readonly kind: string
}

export interface SequenceFilter {
  readonly kinds: ReadonlySet<MessageKind>
  /** Only what belongs to it: its messages, and its keys in any process; null: everybody's. */
  readonly subject: Subject | null
  readonly accepts: (record: TraceRecord) => boolean
}

/** Whether a key is the actor's own: what its task, worker or lock keeps in memory. */
export function ownsKey(address: string, key: string, namespace: string): boolean {
  const [kind = '', ...rest] = address.split('/')
  const name = rest.join('/')
  if (name === '') return false
  if (kind === 'task') return key.startsWith(`${namespace}/tasks/${name}/`)
  if (kind === 'worker') return key.startsWith(`${namespace}/workers/${name}/`)
  // The address of a lock's actor is its key, then a nonce.
  return kind === 'lock' && key === rest.slice(0, -1).join('/')
}

/** Whether the record concerns that actor. Tasks and locks are followed from process to process, by address and by key. */
export function concerns(record: TraceRecord, subject: Subject, namespace: string): boolean {
  const isOwnKey = (key: string) => ownsKey(subject.address, key, namespace)
  const isOwn = (address: string | null) =>
    address === subject.address && (record.source === subject.source || subject.kind === 'task')
  switch (record.type) {
    case 'transition':
      return isOwn(record.address) || isOwn(record.sender) || record.writes.some(({ key }) => isOwnKey(key))
    case 'actor':
    case 'actor.ended':
    case 'dead-letter':
      return isOwn(record.address)
    case 'change':
    case 'conflict':
      return isOwnKey(record.key)
    case 'problem':
      return record.key !== undefined && isOwnKey(record.key)
    case 'gap':
    case 'source.lost':
      return true
    case 'source':
    case 'chart':
    case 'metrics':
      return false
  }
}

export function acceptsRecord(record: TraceRecord, filter: SequenceFilter, namespace: string): boolean {
  if (!kindsOf(record).some((kind) => filter.kinds.has(kind))) return false
  if (filter.subject !== null && !concerns(record, filter.subject, namespace)) return false
  return filter.accepts(record)
}

export function acceptsMessage(message: Message, filter: SequenceFilter): boolean {
  return filter.kinds.has(message.kind)
}

function kindsOf(record: TraceRecord): readonly MessageKind[] {
  switch (record.type) {
    case 'transition':
      return record.writes.length > 0 ? ['event', 'write'] : ['event']
    case 'change':
      return record.isSnapshot === true ? [] : ['change']
    case 'actor':
      return ['lifecycle']
    case 'source':
      return record.kind === 'memory' ? [] : ['lifecycle']
    case 'actor.ended':
      return record.how === 'crashed' ? ['trouble'] : ['lifecycle']
    case 'dead-letter':
    case 'conflict':
    case 'problem':
    case 'source.lost':
    case 'gap':
      return ['trouble']
    case 'chart':
    case 'metrics':
      return []
  }
}

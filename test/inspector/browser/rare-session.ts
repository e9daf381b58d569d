/** The file of a session with what no quiet job brings about: trouble of every kind, and a task of very many events. Pure. */
import type { TraceRecord } from '../../../src/wire/trace-record.ts'
import { actor, change, gap, memory, source, transition } from '../page/model/records.ts'

/** More than one look of the page takes. */
export const rareEvents = 250
const record = {
  id: 'long',
  type: 'render',
  status: 'pending',
  input: null,
  priority: 0,
  enqueued: [1000, 0, 'a'],
  epoch: 0,
  attempts: 0,
  maxAttempts: 3,
}

export function rareSession(): string {
  const told: TraceRecord[] = [
    source(),
    memory(),
    actor('task/long'),
    change('ns/tasks/long/record', 1, record),
    ...Array.from({ length: rareEvents }, (_, index) =>
      transition('task/long', { event: { type: 'task.progress', percent: index } }),
    ),
    { type: 'dead-letter', source: 'p', seq: 1, atMs: 0, address: 'worker/gone', event: { type: 'worker.drain' } },
    { type: 'dead-letter', source: 'p', seq: 1, atMs: 0, address: 'task/gone', event: { type: 'task.cancel', reason: 'late' } },
    { type: 'problem', source: 'p', seq: 1, atMs: 0, code: 'store_failed', message: 'the disk is full' },
    gap({ lost: 7 }),
    { type: 'actor.ended', source: 'p', seq: 1, atMs: 0, address: 'task/long', how: 'crashed', error: 'a bug' },
  ]
  const seqs = new Map<string, number>()
  const numbered = told.map((each, index) => {
    const seq = (seqs.get(each.source) ?? 0) + 1
    seqs.set(each.source, seq)
    return { ...each, seq, atMs: 1000 + index }
  })
  return [{ format: 1, product: 'memory-sync', exportedAtMs: 5000 }, ...numbered]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('')
}

/**
 * Ends the pause of a task: a pending record that is not to be claimed before its time may be claimed at once. Owns the one change of
 * the record that this is, by compare-and-set; attempts and epoch stay. Knows no chart's state: the record says enough.
 */
import { stateDocument } from '../../machines/task.ts'
import { isTombstone } from '../domain/entry.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import { assertId } from '../domain/key.ts'
import { isTaskRecord } from '../domain/task-record.ts'
import { always } from '../domain/write.ts'
import type { RuntimeInside } from '../runtime/runtime.ts'

/** Compare-and-set rounds against others who write the record. */
const roundsMax = 16

/** @throws `invalid_key` when there is no such task, `conflict` when it does not wait for its time, `not_supported` without compare-and-set */
export async function retryNow({ store, keys, remember }: RuntimeInside, id: string): Promise<void> {
  const key = keys.task(assertId(id, 'task id'), 'record')
  for (let round = 1; ; round++) {
    const stored = await store.get(key)
    const record = stored === null || isTombstone(stored.entry) ? null : stored.entry.value
    if (stored === null || !isTaskRecord(record)) throw new MemorySyncError('invalid_key', `there is no task ${quote(id)}`)
    const { notBefore, ...ready } = record
    if (record.status !== 'pending' || notBefore === undefined) {
      const what = record.status === 'pending' ? 'pending and waits for no time' : record.status
      throw new MemorySyncError('conflict', `task ${quote(id)} is ${what}: only one that is backing off can be retried now`, {
        retryable: false,
      })
    }
    const context = stored.entry.version
    const outcome = await remember([
      { key, value: ready, condition: { type: 'revision', revision: stored.revision }, context },
      { key: keys.task(id, 'state'), value: stateDocument(ready), condition: always, context },
    ])
    if (outcome.type === 'committed') return
    if (outcome.type === 'failed') throw outcome.error
    if (round >= roundsMax) {
      throw new MemorySyncError('conflict', `task ${quote(id)} changed ${roundsMax} times while it was to be retried; try again`)
    }
  }
}

/** Subscriptions that begin with a snapshot, against a memory that the test drives. */
import { expect, test } from 'vitest'
import type { Entry } from '../../src/domain/entry.ts'
import { LiveSubscriptions, waitingChangesMax } from '../../src/facade/live-subscriptions.ts'
import type { MemoryChange, MemoryItem } from '../../src/runtime/memory.ts'
import { gate } from '../runtime/harness.ts'

const entry: Entry = { value: 0, version: {}, timestamp: 0, workerId: 'w' }

function driven() {
  const stored = new Map<string, MemoryItem>()
  const lists: ReturnType<typeof gate<void>>[] = []
  let listener: (change: MemoryChange) => unknown = () => {}
  let revision = 0
  let reading = gate()
  const subscriptions = new LiveSubscriptions({
    memory: {
      subscribe: (_, given) => {
        listener = given
        return () => {}
      },
      async *list() {
        const own = gate()
        lists.push(own)
        reading.open()
        yield* [...stored.values()]
        await own.promise
      },
    },
    changed: () => {},
    report: (error) => expect.unreachable(error.message),
  })
  return {
    subscriptions,
    /** Settles when the snapshot is being read for the n-th time; gives what lets it end. */
    async list(count: number) {
      while (lists.length < count) {
        reading = gate()
        await reading.promise
      }
      return lists[count - 1] as (typeof lists)[number]
    },
    set(key: string, value: number) {
      const item: MemoryItem = { key, value, revision: ++revision, entry }
      stored.set(key, item)
      listener({ type: 'set', ...item })
    },
    delete(key: string) {
      stored.delete(key)
      listener({ type: 'delete', key, revision: ++revision, entry })
    },
  }
}

test('what changes while the snapshot is read is given once, behind it', async () => {
  const { subscriptions, list, set } = driven()
  set('a', 1)
  const heard: unknown[] = []
  subscriptions.add('*', { initial: true, onChange: (key, value) => heard.push([key, value]) })
  const reading = await list(1)
  set('b', 2)
  reading.open()
  await expect
    .poll(() => heard)
    .toEqual([
      ['a', 1],
      ['b', 2],
    ])
  set('a', 3)
  expect(heard.at(-1)).toEqual(['a', 3])
})

test('more changes than may wait: the snapshot is read again, and what is different by then is given', async () => {
  const { subscriptions, list, set, delete: remove } = driven()
  set('gone', 1)
  set('same', 1)
  const heard: unknown[] = []
  subscriptions.add('*', {
    initial: true,
    onChange: (key, value) => heard.push([key, value]),
    onInvalidate: (key) => heard.push([key]),
  })
  const reading = await list(1)
  for (let count = 1; count <= waitingChangesMax; count++) set('busy', count)
  set('busy', -1)
  remove('gone')
  reading.open()
  ;(await list(2)).open()
  await expect.poll(() => heard.length).toBe(4)
  expect(heard).toEqual([['gone', 1], ['same', 1], ['busy', -1], ['gone']])
})

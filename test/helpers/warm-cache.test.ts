/** `warmCache`: reads each once, few at a time, and says how many there were. */
import { expect, test } from 'vitest'
import { warmCache, warmingAtOnceMax } from '../../src/helpers/warm-cache.ts'

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `task-${index}`)

test('says how many tasks have a state; an id given twice is read once', async () => {
  const read: string[] = []
  const manager = {
    getTaskState: async (id: string) => {
      read.push(id)
      return id === 'gone' ? null : { status: 'running' }
    },
  }
  await expect(warmCache(manager, ['a', 'gone', 'b', 'a'])).resolves.toBe(2)
  expect(read).toEqual(['a', 'gone', 'b'])
  await expect(warmCache(manager, [])).resolves.toBe(0)
})

test('reads no more at once than its bound', async () => {
  const waiting: (() => void)[] = []
  let most = 0
  const manager = {
    getTaskState: (_id: string) =>
      new Promise((resolve) => {
        most = Math.max(
          most,
          waiting.push(() => resolve({})),
        )
      }),
  }
  const warmed = warmCache(manager, idsOf(3 * warmingAtOnceMax + 1))
  let isDone = false
  warmed.then(() => {
    isDone = true
  })
  expect(waiting.length).toBe(warmingAtOnceMax)
  while (!isDone) {
    waiting.shift()?.()
    await Promise.resolve()
  }
  await expect(warmed).resolves.toBe(3 * warmingAtOnceMax + 1)
  expect(most).toBe(warmingAtOnceMax)
})

test('a failed read rejects, and no other begins', async () => {
  let reads = 0
  const manager = {
    getTaskState: (id: string): Promise<unknown> => {
      reads++
      if (id === 'task-3') throw new Error('the store is away')
      return Promise.resolve({})
    },
  }
  await expect(warmCache(manager, idsOf(1000))).rejects.toThrow('the store is away')
  expect(reads).toBeLessThanOrEqual(2 * warmingAtOnceMax)
})

test('a wrong id is refused before anything is read', async () => {
  let reads = 0
  const manager = {
    getTaskState: async () => {
      reads++
    },
  }
  await expect(warmCache(manager, ['a', 'b/c'])).rejects.toMatchObject({ code: 'invalid_key' })
  await expect(warmCache(manager, 'task-1')).rejects.toMatchObject({ code: 'invalid_option' })
  expect(reads).toBe(0)
})

/** The store that fails on command: each fault is what it says, and without faults it is the store that it wraps. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { faultyStore } from '../../src/testing/faulty-store.ts'
import { committed, FeedReader, listed, put, rejectsWith, valueAt } from '../../src/testing/store-contract/subject.ts'
import { storeContract } from '../../src/testing/store-contract.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

describe('contract, without faults', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => ({
        store: faultyStore(memoryStore({ clock: systemClock }), { clock: systemClock }),
        logChangesMax: 10_000,
      })),
    )
  }
})

function make() {
  const clock = createVirtualClock()
  return { clock, store: faultyStore(memoryStore({ clock }), { clock }) }
}

test('fail: refused before anything happens, as often as was asked for', async () => {
  const { store } = make()
  store.next('commit', 'fail', 2)
  for (let time = 0; time < 2; time++) await rejectsWith('store_unavailable', () => committed(store, put('a', 1)))
  expect(await store.get('a')).toBe(null)
  await committed(store, put('a', 1))
  expect(store.count('commit')).toBe(3)
})

test('lose-reply: done, and nobody knows', async () => {
  const { store } = make()
  store.next('commit', 'lose-reply')
  await rejectsWith('unknown_outcome', () => committed(store, put('a', 1)))
  expect(await valueAt(store, 'a')).toBe(1)
})

test('hang: nothing happens until release', async () => {
  const { store, clock } = make()
  store.next('commit', 'hang')
  const waiting = committed(store, put('a', 1))
  await clock.settle()
  expect(await store.get('a')).toBe(null)
  expect(store.hanging).toBe(1)
  store.release()
  await waiting
  expect(await valueAt(store, 'a')).toBe(1)
  expect(store.hanging).toBe(0)
})

test('hang: an aborted signal ends the waiting', async () => {
  const { store } = make()
  store.next('get', 'hang')
  const controller = new AbortController()
  const waiting = rejectsWith('aborted', () => store.get('a', { signal: controller.signal }))
  controller.abort()
  await waiting
  expect(store.hanging).toBe(0)
})

test('hang-reply: done at once, answered at release', async () => {
  const { store, clock } = make()
  store.next('commit', 'hang-reply')
  let isAnswered = false
  const waiting = committed(store, put('a', 1)).then(() => {
    isAnswered = true
  })
  await clock.settle()
  expect(await valueAt(store, 'a')).toBe(1)
  expect(isAnswered).toBe(false)
  store.release()
  await waiting
})

test('delayMs: goes its way later, by the clock', async () => {
  const { store, clock } = make()
  store.next('commit', { delayMs: 500 })
  const waiting = committed(store, put('a', 1))
  await clock.advance(499)
  expect(await store.get('a')).toBe(null)
  await clock.advance(1)
  await waiting
})

test('a rule is asked for every call, and ends when it is told to', async () => {
  const { store } = make()
  const end = store.during((call) => (call.operation === 'commit' && call.target === 'b' ? 'fail' : null))
  await committed(store, put('a', 1))
  await rejectsWith('store_unavailable', () => committed(store, put('b', 1)))
  end()
  await committed(store, put('b', 1))
})

test('lists and heads fail too', async () => {
  const { store } = make()
  store.next('list', 'fail')
  store.next('head', 'fail')
  await rejectsWith('store_unavailable', () => listed(store.list('*')))
  await rejectsWith('store_unavailable', () => store.head())
  expect(await listed(store.list('*'))).toEqual([])
})

test('a running watch that is dropped fails, or ends without a word, also while somebody waits on it', async () => {
  const { store } = make()
  for (const how of ['fail', 'end'] as const) {
    const reader = new FeedReader(store.watch('*'))
    await reader.snapshot()
    const waiting = reader.next()
    store.dropWatches(how)
    if (how === 'fail') await rejectsWith('store_unavailable', () => waiting)
    else expect(await waiting).toBe(null)
    expect(await reader.next()).toBe(null)
  }
})

test('a watch may fail from the start, end from the start, or tell nothing until release', async () => {
  const { store, clock } = make()
  await committed(store, put('a', 1))
  store.next('watch', 'fail')
  await rejectsWith('store_unavailable', () => new FeedReader(store.watch('*')).next())
  store.next('watch', 'drop')
  expect(await new FeedReader(store.watch('*')).next()).toBe(null)
  store.next('watch', 'hang')
  const reader = new FeedReader(store.watch('*'))
  let isTold = false
  const waiting = reader.snapshot().then(() => {
    isTold = true
  })
  await clock.settle()
  expect(isTold).toBe(false)
  store.release()
  await waiting
})

test('heal: no more faults', async () => {
  const { store } = make()
  store.next('commit', 'fail', 10)
  store.during(() => 'fail')
  store.heal()
  await committed(store, put('a', 1))
  expect(await valueAt(store, 'a')).toBe(1)
})

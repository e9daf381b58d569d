/** A store that is made at its first use. */
import { describe, expect, test } from 'vitest'
import { MemorySyncError } from '../../src/domain/errors.ts'
import { systemClock } from '../../src/platform.ts'
import type { Store, StoreFeatures } from '../../src/ports/store.ts'
import { lazyStore } from '../../src/stores/lazy-store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { committed, FeedReader, pairs, put, rejectsWith, valueAt } from '../../src/testing/store-contract/subject.ts'
import { storeContract } from '../../src/testing/store-contract.ts'

const features: StoreFeatures = {
  compareAndSet: true,
  atomicUnit: true,
  watch: 'push',
  reach: 'network',
  durability: 'quorum',
}

/** Made when the test says so. */
function held() {
  const makings: { resolve(store: Store): void; reject(error: unknown): void; signal: AbortSignal }[] = []
  const make = (signal: AbortSignal) => new Promise<Store>((resolve, reject) => makings.push({ resolve, reject, signal }))
  return { store: lazyStore({ url: 'test:', features, make }), makings }
}

describe('contract of a memory store that is made late', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => {
        const make = async () => memoryStore({ clock: systemClock })
        return { store: lazyStore({ url: 'test:', features, make }), logChangesMax: 10_000 }
      }),
    )
  }
})

describe('a lazy store', () => {
  test('makes nothing until it is used, and then one store for all calls', async () => {
    const { store, makings } = held()
    expect(makings).toHaveLength(0)
    expect(store.features.durability).toBe('quorum')
    const calls = [store.open(), store.get('a'), store.head()]
    expect(makings).toHaveLength(1)
    makings[0]?.resolve(memoryStore({ clock: systemClock }))
    await Promise.all(calls)
    expect(store.features.durability).toBe('none')
  })

  test('gives calls on in the order in which they were made, a watch from now among them', async () => {
    const { store, makings } = held()
    const first = committed(store, put('a', 1))
    const reader = new FeedReader(store.watch('*', { after: 'now' }))
    const second = committed(store, put('a', 2))
    makings[0]?.resolve(memoryStore({ clock: systemClock }))
    expect(await Promise.all([first, second])).toEqual([1, 2])
    expect(pairs((await reader.snapshot()).changes)).toEqual([['a', 2]])
    await reader.end()
  })

  test('that could not be made tells every waiting call, and is made anew by the next', async () => {
    const { store, makings } = held()
    const watching = new FeedReader(store.watch('*')).next()
    const calls = [store.get('a'), store.commit([[put('a', 1)]]), watching]
    const failures = Promise.all(calls.map((call) => rejectsWith('store_unavailable', () => call)))
    makings[0]?.reject(new MemorySyncError('store_unavailable', 'not there'))
    await failures
    const again = valueAt(store, 'a')
    makings[1]?.resolve(memoryStore({ clock: systemClock }))
    expect(await again).toBe(undefined)
  })

  test('ends watches that wait for it to be made: by their signal, and when it is closed', async () => {
    const { store, makings } = held()
    const abort = new AbortController()
    const [one, other] = [new FeedReader(store.watch('*', { signal: abort.signal })), new FeedReader(store.watch('*'))]
    const [ofOne, ofOther] = [one.next(), other.next()]
    abort.abort()
    expect(await ofOne).toBe(null)
    const closing = store.close()
    expect(await ofOther).toBe(null)
    expect(makings[0]?.signal.aborted).toBe(true)
    // Made too late: nobody would close it.
    const late = memoryStore({ clock: systemClock })
    makings[0]?.resolve(late)
    await closing
    await rejectsWith('closed', () => late.get('a'))
  })
})

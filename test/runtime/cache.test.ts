import { describe, expect, it, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import type { Stored } from '../../src/ports/store.ts'
import { hitsPerLookMax, ReadCache } from '../../src/runtime/cache.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { commit, put } from '../../src/testing/store-contract/subject.ts'
import { answerAll, cacheOn, filled, isOwn, ModelStore, turn } from './cache-model.ts'

describe('a cached read', () => {
  it('needs the store once, then never until the key changes', async () => {
    const store = new ModelStore('process')
    const written = store.write('a', 'other')
    const cache = cacheOn(store)
    expect(cache.peek('a')).toBe(undefined)
    expect(await filled(store, cache, 'a')).toBe(written)
    for (let time = 0; time < 10; time++) expect(await cache.get('a')).toBe(written)
    expect([cache.peek('a'), cache.fresh('a')]).toEqual([written, written])
    expect(store.reads).toBe(1)
    expect(cache.metrics()).toEqual({ hits: 11, misses: 1, size: 1, maxSize: 1000, invalidated: 0 })
  })

  it('goes to the store while the feed has not told of a commit, and is a hit again afterwards, of any key', async () => {
    const store = new ModelStore('process')
    store.write('a', 'other')
    store.write('b', 'other')
    const cache = cacheOn(store)
    await filled(store, cache, 'a')
    const old = await filled(store, cache, 'b')
    const overwritten = store.write('a', 'other')
    expect([cache.fresh('a'), cache.fresh('b')]).toEqual([undefined, undefined])
    expect(cache.peek('a')).not.toBe(overwritten)
    cache.applied([overwritten])
    expect([cache.fresh('a'), cache.fresh('b')]).toEqual([overwritten, old])
    expect(cache.metrics().invalidated).toBe(1)
  })

  it('is a hit although the feed never tells, once it was read at the newest revision: purges have no change', async () => {
    const store = new ModelStore('process')
    store.write('b', 'other', true)
    const written = store.write('a', 'other')
    const cache = cacheOn(store)
    store.purge('b')
    await filled(store, cache, 'a')
    expect(cache.fresh('a')).toBe(written)
    store.write('b', 'other')
    expect(cache.fresh('a')).toBe(undefined)
  })

  it('remembers that there is nothing', async () => {
    const store = new ModelStore('process')
    const cache = cacheOn(store)
    expect(await filled(store, cache, 'a')).toBe(null)
    expect([cache.peek('a'), cache.fresh('a')]).toEqual([null, null])
    const written = store.write('a', 'other')
    expect(cache.fresh('a')).toBe(undefined)
    cache.applied([written])
    expect(cache.fresh('a')).toBe(written)
    expect(store.reads).toBe(1)
  })

  it('finds own writes that were never read, and nobody else’s', () => {
    const store = new ModelStore('process')
    const cache = cacheOn(store)
    const own = store.write('a', 'own')
    cache.applied([own, store.write('b', 'other')])
    expect([cache.fresh('a'), cache.fresh('b')]).toEqual([own, undefined])
  })

  it('survives changes that are none', () => {
    const store = new ModelStore('process')
    const cache = cacheOn(store)
    const own = store.write('a', 'own')
    const malformed: unknown[] = [null, {}, { key: 'a', revision: 9, entry: null }, own]
    cache.applied(malformed as Stored[])
    expect(cache.fresh('a')).toBe(own)
  })

  it('rejects as the store does, forgets that, and asks again', async () => {
    const store = new ModelStore('process')
    const written = store.write('a', 'other')
    const cache = cacheOn(store)
    const readings = Promise.allSettled([cache.get('a'), cache.get('a')])
    store.fail(store.readings[0], new Error('no answer'))
    expect((await readings).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await filled(store, cache, 'a')).toBe(written)
  })
})

describe('reads of one key at once', () => {
  it('are one read of the store', async () => {
    const store = new ModelStore('process')
    const written = store.write('a', 'other')
    const cache = cacheOn(store)
    const readings = Promise.all(Array.from({ length: 50 }, () => cache.get('a')))
    await answerAll(store)
    expect(new Set(await readings)).toEqual(new Set([written]))
    expect(store.reads).toBe(1)
  })

  it('do not share a read that may be too old for them; all that wait then share the next', async () => {
    const store = new ModelStore('process')
    store.write('a', 'other')
    const cache = cacheOn(store)
    const first = cache.get('a')
    store.read(store.readings[0])
    const written = store.write('a', 'other')
    const later = [cache.get('a'), cache.get('a'), cache.get('a')]
    await answerAll(store)
    expect((await first)?.revision).toBe(1)
    for (const reading of later) expect(await reading).toBe(written)
    expect([store.reads, store.readsAtOnceMax]).toEqual([2, 1])
  })

  it('end for one caller at its signal, and go on for the others', async () => {
    const store = new ModelStore('process')
    const written = store.write('a', 'other')
    const cache = cacheOn(store)
    const controller = new AbortController()
    const aborted = cache.get('a', controller.signal)
    const other = cache.get('a', new AbortController().signal)
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toMatchObject({ code: 'aborted', key: 'a' })
    await answerAll(store)
    expect(await other).toBe(written)
    await expect(cache.get('b', controller.signal)).rejects.toMatchObject({ code: 'aborted' })
    await answerAll(store)
  })
})

describe('a read that a change overtakes', () => {
  it('does not take the place of the change', async () => {
    for (const isCachedBefore of [false, true]) {
      const store = new ModelStore('process')
      store.write('a', 'other')
      const cache = cacheOn(store)
      if (isCachedBefore) await filled(store, cache, 'a')
      store.write('b', 'other')
      const reading = cache.get('a')
      store.read(store.readings[0])
      const written = store.write('a', 'other')
      cache.applied(store.pushed(9))
      await answerAll(store)
      expect(await reading).toBe(written)
      expect(cache.fresh('a')).toBe(written)
    }
  })

  it('does not land as absent when the key was written and deleted meanwhile', async () => {
    const store = new ModelStore('network')
    const cache = cacheOn(store)
    const reading = cache.get('a')
    store.read(store.readings[0])
    cache.applied([store.write('a', 'other')])
    await answerAll(store)
    expect(await reading).toBe(null)
    expect(cache.peek('a')).toBe(undefined)
  })

  it('does not land when the feed had a gap meanwhile, nor after clear', async () => {
    for (const end of ['suspect', 'clear'] as const) {
      const store = new ModelStore('network')
      store.write('a', 'other')
      const cache = cacheOn(store)
      const reading = cache.get('a')
      store.read(store.readings[0])
      cache[end]()
      cache.caughtUp(store.write('a', 'other').revision)
      await answerAll(store)
      expect((await reading)?.revision).toBe(1)
      expect(cache.peek('a')).toBe(undefined)
    }
  })
})

describe('when the feed is lost', () => {
  it('every entry is read again before it is given, and then is a hit as before', async () => {
    const store = new ModelStore('network')
    const written = store.write('a', 'other')
    const cache = cacheOn(store)
    await filled(store, cache, 'a')
    expect(cache.fresh('a')).toBe(written)
    cache.suspect()
    expect([cache.fresh('a'), cache.peek('a')]).toEqual([undefined, written])
    for (const reads of [2, 3]) {
      await filled(store, cache, 'a')
      expect(store.reads).toBe(reads)
    }
    cache.caughtUp(1)
    expect(cache.fresh('a')).toBe(written)
  })

  it('and the store is another one when it is back, nothing of the old one is given', async () => {
    const old = new ModelStore('process')
    for (let count = 0; count < 100; count++) old.write(`k${count % 5}`, 'own')
    let store = old
    const cache = new ReadCache(
      { store: { features: old.features, get: (key) => store.get(key), headNow: () => store.revision }, admits: isOwn },
      10,
    )
    cache.caughtUp(0)
    cache.applied(old.pushed(100))
    expect(cache.fresh('k1')?.revision).toBe(97)
    store = new ModelStore('process')
    const written = store.write('k1', 'other')
    cache.suspect()
    cache.applied([written])
    cache.caughtUp(1)
    for (const key of ['k0', 'k1', 'k2']) expect(await filled(store, cache, key)).toBe(key === 'k1' ? written : null)
    cache.applied([store.write('k1', 'other')])
    expect(cache.fresh('k1')?.revision).toBe(2)
  })
})

describe('the size', () => {
  it('may be smaller than what is read: all reads are right, most of them misses', async () => {
    const store = new ModelStore('process')
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
    for (const key of keys) store.write(key, 'other')
    const cache = cacheOn(store, 5)
    for (let round = 0; round < 3; round++) {
      for (const key of keys) expect((await filled(store, cache, key))?.key).toBe(key)
    }
    expect(cache.metrics()).toMatchObject({ hits: 0, misses: 60, size: 5, maxSize: 5 })
    expect(await cache.get('k19')).toMatchObject({ key: 'k19' })
  })

  it('0 caches nothing', async () => {
    const store = new ModelStore('process')
    const written = store.write('a', 'own')
    const cache = cacheOn(store, 0)
    cache.applied([written])
    for (let time = 0; time < 3; time++) expect(await filled(store, cache, 'a')).toBe(written)
    expect(cache.peek('a')).toBe(undefined)
    expect(store.reads).toBe(3)
    expect(cache.metrics()).toEqual({ hits: 0, misses: 3, size: 0, maxSize: 0, invalidated: 0 })
  })

  it('is refused unless it is an integer of at least 0', () => {
    const store = new ModelStore('process')
    for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => cacheOn(store, size)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
    }
  })

  it('is forgotten by clear, the metrics are not', async () => {
    const store = new ModelStore('process')
    store.write('a', 'other')
    const cache = cacheOn(store)
    await filled(store, cache, 'a')
    await cache.get('a')
    cache.clear()
    expect(cache.peek('a')).toBe(undefined)
    expect(cache.metrics()).toMatchObject({ hits: 1, misses: 1, size: 0 })
  })
})

describe('the look at the head', () => {
  function counted(reach: 'process' | 'machine'): { store: ModelStore; cache: ReadCache; looks: () => number } {
    const store = new ModelStore(reach)
    let looks = 0
    store.headNow = () => {
      looks++
      return store.revision
    }
    store.write('a', 'own')
    const cache = cacheOn(store)
    cache.suspect()
    cache.applied(store.pushed(1))
    cache.caughtUp(1)
    cache.applied([store.write('a', 'own')])
    return { store, cache, looks: () => looks }
  }

  it('is once per turn where it is dear, each time where it is free', async () => {
    const machine = counted('machine')
    const process = counted('process')
    await turn()
    await new Promise<void>((resolve) =>
      systemClock.defer(() => {
        void (async () => {
          for (let time = 0; time < 100; time++) for (const { cache } of [machine, process]) await cache.get('a')
          resolve()
        })()
      }),
    )
    // One for what is synchronous, one for the promise jobs behind it.
    expect(machine.looks()).toBeLessThanOrEqual(2)
    expect(process.looks()).toBe(100)
  })

  it('is repeated in a turn that does not end', async () => {
    const { store, cache } = counted('machine')
    await cache.get('a')
    store.write('a', 'other')
    let hits = 0
    while (cache.fresh('a') !== undefined) {
      hits++
      await null
    }
    expect(hits).toBeLessThanOrEqual(hitsPerLookMax)
  })

  it('is repeated between any two callbacks of the event loop, before the second one runs', async () => {
    const { store, cache } = counted('machine')
    // Both are due at once: no later phase of the loop comes between them.
    const seen = await new Promise<Stored | null | undefined>((resolve) => {
      systemClock.defer(() => {
        expect(cache.fresh('a')?.revision).toBe(2)
        void Promise.resolve().then(() => cache.fresh('a'))
        store.write('a', 'other')
      })
      systemClock.defer(() => resolve(cache.fresh('a')))
    })
    expect(seen).toBe(undefined)
  })

  it('is repeated after a page of the log: what it had then may be more than the page', async () => {
    const store = new ModelStore('machine')
    store.write('a', 'own')
    const cache = cacheOn(store)
    cache.suspect()
    cache.caughtUp(0)
    cache.applied(store.pushed(1))
    store.write('a', 'other')
    store.write('b', 'own')
    expect(cache.fresh('a')).toBe(undefined)
    store.write('a', 'other')
    cache.applied(store.logged(2) ?? [])
    expect(cache.fresh('a')).toBe(undefined)
  })

  it('cannot be had from some local stores: those are read each time', async () => {
    const store = new ModelStore('machine', false)
    const written = store.write('a', 'own')
    const cache = cacheOn(store)
    cache.applied([written])
    expect([cache.peek('a'), cache.fresh('a')]).toEqual([written, undefined])
    const first = cache.get('a')
    store.read(store.readings[0])
    const second = cache.get('a')
    store.write('a', 'other')
    await answerAll(store)
    expect([(await first)?.revision, (await second)?.revision, store.reads]).toEqual([1, 2, 2])
  })
})

test('an own write on a network store is read back before the feed tells of it', async () => {
  const store = new ModelStore('network')
  store.write('a', 'other')
  const cache = cacheOn(store)
  await filled(store, cache, 'a')
  const written = store.write('a', 'own')
  cache.committed('a', written.revision)
  expect(cache.fresh('a')).toBe(undefined)
  expect(await filled(store, cache, 'a')).toBe(written)
})

test('on a real store, entries follow the commits of another handle', async () => {
  const [mine, others] = [1, 2].map(() => memoryStore({ name: 'cache-test', clock: systemClock }))
  if (mine === undefined || others === undefined) throw new Error('two stores')
  await Promise.all([mine.open(), others.open()])
  const cache = new ReadCache({ store: mine, admits: () => false })
  const follow = async (): Promise<void> => {
    for await (const item of mine.watch('**', { after: 'now' })) {
      if (item.type === 'changes') cache.applied(item.changes)
      else if (item.type === 'caught-up') cache.caughtUp(item.revision)
      else cache.suspect()
    }
  }
  const following = follow()
  for (let round = 0; round < 200; round++) {
    await commit(others, put(`k${round % 3}`, round))
    expect((await cache.get(`k${round % 3}`))?.entry.value).toBe(round)
    await cache.get('k0')
    if (round % 7 === 0) await turn()
  }
  expect(cache.metrics().hits).toBeGreaterThan(100)
  await Promise.all([mine.close(), others.close()])
  await following
})

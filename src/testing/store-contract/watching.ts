/** Contract: what a watch tells, in which order, and what it says when it cannot tell everything. */
import assert from 'node:assert/strict'
import type { Store, Stored, Unit } from '../../ports/store.ts'
import { commit, committed, contractCase, expired, FeedReader, listed, pairs, purge, put, tombstone } from './subject.ts'

export const watchingCases = [
  contractCase('a watch gives a snapshot in key order, says caught-up, then what follows', [], async (store) => {
    await committed(store, put('b', 1), put('a', 1), put('c', tombstone()))
    const head = await committed(store, put('b', 2))
    const reader = new FeedReader(store.watch('*'))
    const snapshot = await reader.snapshot()
    assert.deepEqual(pairs(snapshot.changes), [
      ['a', 1],
      ['b', 2],
      ['c', null],
    ])
    assert.equal(snapshot.revision, head)
    await committed(store, put('a', 3))
    const deleted = await committed(store, put('b', tombstone()))
    const changes = await reader.changes(2)
    assert.deepEqual(pairs(changes), [
      ['a', 3],
      ['b', null],
    ])
    assert.equal(changes[1]?.revision, deleted)
    assert.equal(changes[1]?.entry.x?.t, 1)
    await reader.end()
  }),

  contractCase('a watch of an empty store has caught up at once', [], async (store) => {
    const reader = new FeedReader(store.watch('**'))
    assert.deepEqual(await reader.next(), { type: 'caught-up', revision: 0 })
    await committed(store, put('a', 1))
    assert.deepEqual(pairs(await reader.changes(1)), [['a', 1]])
    await reader.end()
  }),

  contractCase('a watch tells only what its pattern matches', [], async (store) => {
    await committed(store, put('ns/a/record', 1), put('ns/a/state', 1), put('other', 1))
    const records = new FeedReader(store.watch('ns/*/record'))
    const one = new FeedReader(store.watch('ns/b/record'))
    assert.deepEqual(pairs((await records.snapshot()).changes), [['ns/a/record', 1]])
    assert.deepEqual(pairs((await one.snapshot()).changes), [])
    await committed(store, put('ns/a/state', 2), put('other', 2))
    await committed(store, put('ns/a/record', 3), put('ns/b/record', 3), put('ns/b/state', 3))
    await committed(store, put('ns/c/record', 4))
    assert.deepEqual(pairs(await records.changes(3)), [
      ['ns/a/record', 3],
      ['ns/b/record', 3],
      ['ns/c/record', 4],
    ])
    assert.deepEqual(pairs(await one.changes(1)), [['ns/b/record', 3]])
    // Now both are live, each commit comes by itself.
    const waiting = Promise.all([records.changes(1), one.changes(1)])
    await committed(store, put('ns/b/record', 5), put('ns/b/state', 5))
    for (const changes of await waiting) assert.deepEqual(pairs(changes), [['ns/b/record', 5]])
    await records.end()
    await one.end()
  }),

  contractCase('a watch tells nothing of refused units, nor of purges', ['compareAndSet', 'atomicUnit'], async (store) => {
    await committed(store, put('gone', tombstone()), put('old', expired(1)), put('taken', 1))
    const reader = new FeedReader(store.watch('*', { after: 'now' }))
    await commit(store, put('a', 1), put('taken', 2, { type: 'absent' }))
    await committed(store, purge('gone'), purge('old'))
    await committed(store, put('b', 1))
    const changes: Stored[] = []
    while (changes.length === 0) {
      const item = await reader.next()
      if (item?.type === 'changes') changes.push(...item.changes)
    }
    assert.deepEqual(pairs(changes), [['b', 1]])
    await reader.end()
  }),

  contractCase('a watch after a revision tells what came behind it, then says caught-up', [], async (store) => {
    await committed(store, put('a', 1))
    const middle = await committed(store, put('b', 1))
    await committed(store, put('c', 1))
    const head = await committed(store, put('a', 2))
    const reader = new FeedReader(store.watch('*', { after: middle }))
    const missed = await reader.snapshot()
    assert.deepEqual(pairs(missed.changes), [
      ['c', 1],
      ['a', 2],
    ])
    assert.equal(missed.revision, head)
    await committed(store, put('d', 1))
    assert.deepEqual(pairs(await reader.changes(1)), [['d', 1]])
    assert.equal(reader.resets, 0)
    await reader.end()
  }),

  contractCase('a watch from now tells what is committed after the call, even before it is first read', [], async (store) => {
    const before = await committed(store, put('a', 1))
    const reader = new FeedReader(store.watch('*', { after: 'now' }))
    await committed(store, put('b', 2))
    await committed(store, put('a', 3))
    const seen: Stored[] = []
    while (seen.length < 2) {
      const item = await reader.next()
      if (item?.type === 'changes') seen.push(...item.changes)
      else assert.equal(item?.type, 'caught-up')
    }
    assert.deepEqual(pairs(seen), [
      ['b', 2],
      ['a', 3],
    ])
    assert.ok(seen.every((change) => change.revision > before))
    await reader.end()
  }),

  contractCase('a watch after a revision that the store never had resets and gives a snapshot', [], async (store) => {
    const head = await committed(store, put('a', 1))
    const reader = new FeedReader(store.watch('*', { after: head + 1000 }))
    assert.deepEqual(await reader.next(), { type: 'reset' })
    assert.deepEqual(pairs((await reader.snapshot()).changes), [['a', 1]])
    await committed(store, put('b', 1))
    assert.deepEqual(pairs(await reader.changes(1)), [['b', 1]])
    await reader.end()
  }),

  contractCase('a watch after a revision that the log has forgotten resets and gives a snapshot', [], async (store, subject) => {
    const { logChangesMax } = subject
    if (logChangesMax === undefined) return
    await committed(store, put('stays', 1))
    const old = await committed(store, put('a', 0))
    await commitMany(store, logChangesMax + 1000, (index) => [put(`k${index % 10}`, index)])
    const reader = new FeedReader(store.watch('*', { after: old }))
    assert.deepEqual(await reader.next(), { type: 'reset' })
    const snapshot = await reader.snapshot()
    assert.equal(snapshot.changes.length, 12)
    assert.equal(snapshot.revision, await store.head())
    await committed(store, put('after', 1))
    assert.deepEqual(pairs(await reader.changes(1)), [['after', 1]])
    await reader.end()
  }),

  contractCase('a consumer that pauses misses nothing that the log still has', [], async (store, subject) => {
    const reader = new FeedReader(store.watch('*'))
    await reader.snapshot()
    await committed(store, put('first', 1))
    await reader.until('first')
    const count = Math.min(9000, (subject.logChangesMax ?? 9000) - 10)
    await commitMany(store, count, (index) => [put(`k${index % 100}`, index)])
    await committed(store, put('last', 1))
    await reader.until('last')
    assert.equal(reader.resets, 0)
    await assertTold(reader, store)
    await committed(store, put('live', 1))
    await reader.until('live')
    await reader.end()
  }),

  contractCase(
    'a consumer that pauses for longer than the log gets reset, and ends at what is stored',
    [],
    async (store, subject) => {
      const { logChangesMax } = subject
      if (logChangesMax === undefined) return
      const reader = new FeedReader(store.watch('*'))
      await reader.snapshot()
      await commitMany(store, logChangesMax + 10_000, (index) => [put(`k${index % 100}`, index)])
      await committed(store, put('last', 1))
      await reader.until('last')
      await assertTold(reader, store)
      assert.equal(reader.resets, 1)
      await committed(store, put('live', 1))
      await reader.until('live')
      await reader.end()
    },
  ),

  contractCase('what is written while a snapshot is given comes once, in its place', [], async (store) => {
    await commitMany(store, 3000, (index) => [put(`k${String(index).padStart(4, '0')}`, 0)])
    const reader = new FeedReader(store.watch('k*'))
    let items = 0
    for (;;) {
      const item = await reader.next()
      if (item?.type === 'caught-up') break
      items++
      // One key that was told already, one that comes later, one new.
      await committed(store, put('k0000', items), put('k2999', items), put(`k00${items}new`, items))
    }
    await committed(store, put('klast', 1))
    await reader.until('klast')
    assert.equal(reader.resets, 0)
    await assertTold(reader, store, 'k*')
    await reader.end()
  }),

  contractCase('a watch hears every handle, and each watch by itself', [], async (store, subject) => {
    const other = (await subject.another?.()) ?? store
    const here = new FeedReader(store.watch('*', { after: 'now' }))
    const there = new FeedReader(other.watch('*', { after: 'now' }))
    for (let round = 0; round < 20; round++) await committed(round % 2 === 0 ? store : other, put(`k${round}`, round))
    // A store that polls tells the keys in no particular order.
    for (const reader of [here, there]) for (let round = 0; round < 20; round++) await reader.until(`k${round}`)
    assert.equal(here.stored.size, 20)
    assert.equal(there.stored.size, 20)
    await here.end()
    await committed(other, put('more', 1))
    await there.until('more')
    assert.equal(await here.next(), null)
    await there.end()
  }),

  contractCase('a watch ends when its signal aborts, also while somebody waits on it', [], async (store) => {
    const controller = new AbortController()
    const reader = new FeedReader(store.watch('*', { signal: controller.signal }))
    await reader.snapshot()
    const waiting = reader.next()
    controller.abort()
    assert.equal(await waiting, null)
    assert.equal(await reader.next(), null)
    const late = new FeedReader(store.watch('*', { signal: controller.signal }))
    assert.equal(await late.next(), null)
  }),

  contractCase('a watch ends when its consumer leaves the loop', [], async (store) => {
    await committed(store, put('a', 1))
    const items = store.watch('*')
    for await (const item of items) {
      assert.equal(item.type, 'changes')
      break
    }
    for await (const item of items) assert.fail(`a watch that was left gave ${item.type}`)
  }),

  contractCase('a watch ends when its store closes, also while somebody waits on it', [], async (store) => {
    const reader = new FeedReader(store.watch('*'))
    await reader.snapshot()
    const waiting = reader.next()
    const unread = new FeedReader(store.watch('*'))
    await store.close()
    assert.equal(await waiting, null)
    assert.equal(await unread.next(), null)
  }),

  contractCase(
    'whenever it began and however slowly it reads, a watch ends at what is stored',
    ['compareAndSet'],
    async (store, subject) => {
      const other = (await subject.another?.()) ?? store
      for (let seed = 1; seed <= 10; seed++) await watchAtRandom([store, other], sequence(seed), `seed${seed}`)
    },
  ),
]

/** Writes, deletes and purges of few keys, while watches begin at any time and are read or left waiting. */
async function watchAtRandom(stores: readonly [Store, Store], random: (below: number) => number, root: string): Promise<void> {
  const anyStore = () => stores[random(2) as 0 | 1]
  const end = `${root}/end`
  const readers: FeedReader[] = []
  const reading = new Map<FeedReader, Promise<void>>()
  for (let round = 0; round < 60; round++) {
    const units: Unit[] = Array.from({ length: 1 + random(4) }, () => {
      const keys = new Set(Array.from({ length: 1 + random(3) }, () => `${root}/k${random(20)}`))
      return [...keys].map((key) => {
        const choice = random(10)
        if (choice < 3) return purge(key)
        return choice < 6 ? put(key, tombstone()) : put(key, round)
      })
    })
    const commits = anyStore().commit(units)
    if (random(6) === 0) {
      const after = [undefined, 'now' as const, await stores[0].head(), random(50)][random(4)]
      readers.push(new FeedReader(anyStore().watch(`${root}/*`, after === undefined ? {} : { after })))
    }
    for (const reader of readers) if (random(30) === 0 && !reading.has(reader)) reading.set(reader, reader.until(end))
    if (random(3) > 0) await commits
  }
  await committed(stores[0], put(end, 1))
  await Promise.all(readers.map((reader) => reading.get(reader) ?? reader.until(end)))
  for (const reader of readers) {
    for (const told of reader.stored.values()) {
      const stored = await stores[0].get(told.key)
      // Purges are not told: a key that is gone was told to be deleted.
      if (stored === null) assert.equal(told.entry.x?.t, 1, told.key)
      else assert.equal(told.revision, stored.revision, told.key)
    }
    await reader.end()
  }
}

async function commitMany(store: Store, count: number, unitAt: (index: number) => Unit): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const units: Unit[] = []
    for (let index = from; index < Math.min(count, from + 1000); index++) units.push(unitAt(index))
    await store.commit(units)
  }
}

/** What the reader was told is what is stored, key for key. */
async function assertTold(reader: FeedReader, store: Store, pattern = '*'): Promise<void> {
  const stored = await listed(store.list(pattern))
  assert.deepEqual(
    [...reader.stored.values()].map((told) => `${told.key} ${told.revision}`).sort(),
    stored.map((one) => `${one.key} ${one.revision}`).sort(),
  )
}

/** Pseudo-random integers below a bound, the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Contract: what a commit does with its units, their order, their independence, their revisions. */
import assert from 'node:assert/strict'
import type { Receipt, Store, Unit } from '../../ports/store.ts'
import {
  assertConflict,
  assertFailed,
  assertStale,
  commit,
  committed,
  contractCase,
  entryOf,
  put,
  revisionOf,
  valueAt,
} from './subject.ts'

const cas = ['compareAndSet'] as const
const atomic = ['compareAndSet', 'atomicUnit'] as const

export const unitCases = [
  contractCase('a commit of nothing has no receipts', [], async (store) => {
    assert.deepEqual(await store.commit([]), [])
    assert.equal(await store.head(), 0)
  }),

  contractCase('a unit has one receipt, in its place, with the durability that the store promises', cas, async (store) => {
    await committed(store, put('taken', 1))
    const receipts = await store.commit([
      [put('a', 1)],
      [put('taken', 2, { type: 'absent' })],
      [put('b', 2, { type: 'none' }, { scope: 'nobody', epoch: 1, incarnation: 'i' })],
      [put('c', 3)],
    ])
    assert.equal(receipts.length, 4)
    const [first, second, third, fourth] = receipts
    assert.ok(revisionOf(fourth) > revisionOf(first))
    assertConflict(second, 'taken', 1)
    assertStale(third, 'nobody', undefined)
    for (const receipt of [first, fourth]) {
      assert.equal(receipt?.type === 'committed' && receipt.durability, store.features.durability)
    }
    assert.deepEqual([await valueAt(store, 'a'), await valueAt(store, 'b'), await valueAt(store, 'c')], [1, undefined, 3])
  }),

  contractCase('a unit takes effect whole or not at all, wherever its refused write is', atomic, async (store) => {
    await committed(store, put('taken', 0))
    const refused = put('taken', 1, { type: 'absent' })
    for (const unit of [
      [refused, put('a', 1), put('b', 1)],
      [put('a', 1), refused, put('b', 1)],
      [put('a', 1), put('b', 1), refused],
    ]) {
      assertConflict(await commit(store, ...unit), 'taken', 0)
      assert.equal(await store.get('a'), null)
      assert.equal(await store.get('b'), null)
    }
  }),

  contractCase('the i-th write of a unit has the receipt’s revision plus i', atomic, async (store) => {
    const revision = await committed(store, put('c', 1), put('a', 2), put('b', 3))
    assert.equal((await store.get('c'))?.revision, revision)
    assert.equal((await store.get('a'))?.revision, revision + 1)
    assert.equal((await store.get('b'))?.revision, revision + 2)
    assert.equal(await store.head(), revision + 2)
  }),

  contractCase('revisions rise through the whole store, over keys and commits', [], async (store) => {
    const revisions: number[] = []
    for (let round = 0; round < 5; round++) {
      const units: Unit[] = []
      for (let key = 0; key < 5; key++) units.push([put(`k${(key * 3) % 5}`, round)])
      revisions.push(...(await store.commit(units)).map(revisionOf))
    }
    for (let index = 1; index < revisions.length; index++) {
      assert.ok((revisions[index] as number) > (revisions[index - 1] as number), revisions.join())
    }
    assert.equal(await store.head(), revisions.at(-1))
  }),

  contractCase('a later unit of one commit sees the effect of an earlier one', cas, async (store) => {
    const context = { type: 'causal', context: { x: 1 } } as const
    const receipts = await store.commit([
      [put('a', 1, { type: 'absent' })],
      [put('a', 2, { type: 'absent' })],
      [put('lock', { epoch: 1, incarnation: 'i' })],
      [put('b', 1, { type: 'none' }, { scope: 'lock', epoch: 1, incarnation: 'i' })],
      [put('lock', { epoch: 2, incarnation: 'i' })],
      [put('b', 2, { type: 'none' }, { scope: 'lock', epoch: 1, incarnation: 'i' })],
      [put('c', entryOf(1, { version: { x: 1 } }), context)],
      [put('c', entryOf(2, { version: { x: 1, y: 1 } }), context)],
      [put('c', entryOf(3, { version: { x: 1, z: 1 } }), context)],
    ])
    assert.deepEqual(
      receipts.map((receipt) => receipt.type),
      ['committed', 'conflict', 'committed', 'committed', 'committed', 'stale-epoch', 'committed', 'committed', 'conflict'],
    )
    assertConflict(receipts[1], 'a', 1)
    assertConflict(receipts[8], 'c', 2)
    assert.deepEqual([await valueAt(store, 'a'), await valueAt(store, 'b'), await valueAt(store, 'c')], [1, 1, 2])
  }),

  contractCase('the stored entry in a conflict has the revision that a retry needs', cas, async (store) => {
    const receipts = await store.commit([[put('a', 1)], [put('a', 2, { type: 'absent' })]])
    const refused = receipts[1]
    assert.ok(refused?.type === 'conflict' && refused.stored !== null)
    await committed(store, put('a', 3, { type: 'revision', revision: refused.stored.revision }))
  }),

  contractCase('a unit that writes a key twice, or has no write, is refused as invalid', cas, async (store) => {
    const receipts = await store.commit([[put('a', 1), put('b', 1), put('a', 2)], [], [put('c', 1)]])
    assertFailed(receipts[0], 'invalid_value')
    assertFailed(receipts[1], 'invalid_value')
    revisionOf(receipts[2])
    assert.equal(await store.get('a'), null)
    assert.equal(await store.get('b'), null)
  }),

  contractCase('a malformed unit is refused by itself; its neighbours take effect', cas, async (store) => {
    const overlong = 'k'.repeat(3000)
    const receipts = await store.commit([
      [put('a', 1)],
      [put(overlong, 1)],
      [put('b', 1, { type: 'none' }, { scope: overlong, epoch: 1, incarnation: 'i' })],
      [put('c', 1, JSON.parse('{"type":"sometimes"}'))],
      [put('a', 2, JSON.parse('{"type":"causal"}'))],
      [put('e', 1)],
    ])
    revisionOf(receipts[0])
    revisionOf(receipts[5])
    assertFailed(receipts[1], 'invalid_key')
    assertFailed(receipts[2], 'invalid_key')
    assertFailed(receipts[3], 'invalid_value')
    assertFailed(receipts[4], 'invalid_value')
    assert.equal(await store.get(overlong), null)
  }),

  contractCase('a large unit takes effect whole', atomic, async (store) => {
    const unit: Unit = Array.from({ length: 1000 }, (_, index) => put(`k${index}`, index))
    const revision = await committed(store, ...unit)
    assert.equal(await store.head(), revision + 999)
    assert.equal((await store.get('k999'))?.revision, revision + 999)
    const twice = await commit(store, ...unit, put('k7', 'again'))
    assertFailed(twice, 'invalid_value')
  }),

  contractCase('commits made at once take effect in the order of the calls', [], async (store) => {
    const receipts = await Promise.all(Array.from({ length: 500 }, (_, index) => store.commit([[put('a', index)]])))
    const revisions = receipts.map(([receipt]) => revisionOf(receipt))
    assert.deepEqual(
      revisions,
      [...revisions].sort((a, b) => a - b),
    )
    assert.equal(await valueAt(store, 'a'), 499)
  }),

  contractCase('concurrent increments by compare-and-set are exact', cas, async (store, subject) => {
    const other = (await subject.another?.()) ?? store
    await committed(store, put('counter', 0))
    const incrementers = 8
    const each = 40
    await Promise.all(Array.from({ length: incrementers }, (_, index) => increment(index % 2 === 0 ? store : other, each)))
    assert.equal(await valueAt(store, 'counter'), incrementers * each)
  }),

  contractCase('of many that create one key, exactly one does', cas, async (store, subject) => {
    const other = (await subject.another?.()) ?? store
    const receipts = await Promise.all(
      Array.from({ length: 50 }, (_, index) => commit(index % 2 === 0 ? store : other, put('a', index, { type: 'absent' }))),
    )
    const winners = receipts.filter((receipt: Receipt) => receipt.type === 'committed')
    assert.equal(winners.length, 1)
  }),
]

async function increment(store: Store, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const stored = await store.get('counter')
    assert.ok(stored !== null)
    const condition = { type: 'revision', revision: stored.revision } as const
    const receipt = await commit(store, put('counter', (stored.entry.value as number) + 1, condition))
    if (receipt.type === 'committed') done++
    else assert.equal(receipt.type, 'conflict')
  }
}

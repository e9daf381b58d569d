/** Contract: when a write may take effect. Each condition and guard, met and not met. */

import assert from 'node:assert/strict'
import type { Guard } from '../../ports/store.ts'
import {
  assertConflict,
  assertStale,
  commit,
  committed,
  contractCase,
  entryOf,
  expired,
  purge,
  put,
  revisionOf,
  tombstone,
  valueAt,
} from './subject.ts'

const cas = ['compareAndSet'] as const

export const conditionCases = [
  contractCase('no condition: a write replaces whatever is there', [], async (store) => {
    await committed(store, put('a', 1))
    await committed(store, put('a', 2))
    assert.equal(await valueAt(store, 'a'), 2)
    await committed(store, put('a', tombstone()))
    await committed(store, put('a', 3))
    assert.equal(await valueAt(store, 'a'), 3)
  }),

  contractCase('revision: met by exactly the stored revision', cas, async (store) => {
    const first = await committed(store, put('a', 1))
    const second = await committed(store, put('a', 2, { type: 'revision', revision: first }))
    assertConflict(await commit(store, put('a', 3, { type: 'revision', revision: first })), 'a', 2)
    assertConflict(await commit(store, put('a', 3, { type: 'revision', revision: second + 1 })), 'a', 2)
    assert.equal(await valueAt(store, 'a'), 2)
  }),

  contractCase('revision: an absent key has none', cas, async (store) => {
    assertConflict(await commit(store, put('a', 1, { type: 'revision', revision: 1 })), 'a', undefined)
    assertConflict(await commit(store, put('a', 1, { type: 'revision', revision: 0 })), 'a', undefined)
  }),

  contractCase('revision: a tombstone has one, a purged key has none', cas, async (store) => {
    const revision = await committed(store, put('a', tombstone()))
    const again = await committed(store, put('a', tombstone(), { type: 'revision', revision }))
    await committed(store, purge('a', { type: 'revision', revision: again }))
    assertConflict(await commit(store, put('a', 1, { type: 'revision', revision: again })), 'a', undefined)
  }),

  contractCase('absent: met by no entry, a tombstone, an expired entry; not by a live one', cas, async (store) => {
    await committed(store, put('none', 1, { type: 'absent' }))
    await committed(store, put('deleted', tombstone()))
    await committed(store, put('deleted', 2, { type: 'absent' }))
    await committed(store, put('expired', expired('old')))
    await committed(store, put('expired', 3, { type: 'absent' }))
    for (const [key, value] of [
      ['none', 1],
      ['deleted', 2],
      ['expired', 3],
    ] as const) {
      assertConflict(await commit(store, put(key, 9, { type: 'absent' })), key, value)
    }
    await committed(store, put('young', entryOf('here', { ttl: 1e12 })))
    assertConflict(await commit(store, put('young', 9, { type: 'absent' })), 'young', 'here')
    await committed(store, put('never', entryOf('here', { timestamp: 1, ttl: 0 })))
    assertConflict(await commit(store, put('never', 9, { type: 'absent' })), 'never', 'here')
  }),

  contractCase('causal: met when the writer had seen what is stored', cas, async (store) => {
    const context = (version: Record<string, number>) => ({ type: 'causal', context: version }) as const
    await committed(store, put('a', entryOf(1, { version: { x: 1 } }), context({})))
    assertConflict(await commit(store, put('a', entryOf(2, { version: { y: 1 } }), context({}))), 'a', 1)
    assertConflict(await commit(store, put('a', entryOf(2, { version: { y: 9 } }), context({ y: 8 }))), 'a', 1)
    await committed(store, put('a', entryOf(2, { version: { x: 1, y: 1 } }), context({ x: 1 })))
    await committed(store, put('a', entryOf(3, { version: { x: 1, y: 2 } }), context({ x: 5, y: 5, z: 5 })))
    assertConflict(await commit(store, put('a', entryOf(4, { version: { x: 2 } }), context({ x: 1, y: 1 }))), 'a', 3)
    assert.equal(await valueAt(store, 'a'), 3)
  }),

  contractCase('causal: a tombstone has a version, a purged key has none', cas, async (store) => {
    await committed(store, put('a', tombstone({ version: { x: 2 } })))
    const blind = put('a', entryOf(1, { version: { y: 1 } }), { type: 'causal', context: {} })
    assertConflict(await commit(store, blind), 'a', null)
    await committed(store, purge('a'))
    await committed(store, blind)
  }),

  contractCase('guard: met while the scope has that epoch and incarnation', cas, async (store) => {
    const guard = { scope: 'lock', epoch: 3, incarnation: 'one' }
    await committed(store, put('lock', { epoch: 3, incarnation: 'one', owner: 'w' }))
    await committed(store, put('a', 1, { type: 'none' }, guard))
    assertStale(await commit(store, put('a', 2, { type: 'none' }, { ...guard, epoch: 2 })), 'lock', {
      epoch: 3,
      incarnation: 'one',
      owner: 'w',
    })
    const other: Guard = { ...guard, incarnation: 'two' }
    assert.equal((await commit(store, put('a', 2, { type: 'none' }, other))).type, 'stale-epoch')
    assert.equal(await valueAt(store, 'a'), 1)
  }),

  contractCase('guard: a scope that is absent, deleted, expired or no record holds for nobody', cas, async (store) => {
    const guarded = (scope: string) => put('a', 1, { type: 'none' }, { scope, epoch: 1, incarnation: 'one' })
    const record = { epoch: 1, incarnation: 'one' }
    assertStale(await commit(store, guarded('absent')), 'absent', undefined)
    await committed(store, put('deleted', { ...entryOf(record), x: { v: 1, d: ['w', 1, 'i'], t: 1 } }))
    assertStale(await commit(store, guarded('deleted')), 'deleted', record)
    await committed(store, put('expired', expired(record)))
    assertStale(await commit(store, guarded('expired')), 'expired', record)
    for (const value of [null, 1, 'text', [1, 'one'], {}]) {
      await committed(store, put('other', value))
      assertStale(await commit(store, guarded('other')), 'other', value)
    }
    assert.equal(await valueAt(store, 'a'), undefined)
  }),

  contractCase(
    'guard: a scope written by the same unit is judged as it was before',
    ['compareAndSet', 'atomicUnit'],
    async (store) => {
      const revision = await committed(store, put('lock', { epoch: 1, incarnation: 'one' }))
      const next = put('lock', { epoch: 2, incarnation: 'two' }, { type: 'revision', revision })
      await committed(store, next, put('a', 1, { type: 'none' }, { scope: 'lock', epoch: 1, incarnation: 'one' }))
      const late = await commit(
        store,
        put('lock', { epoch: 1, incarnation: 'one' }, { type: 'none' }),
        put('a', 2, { type: 'none' }, { scope: 'lock', epoch: 1, incarnation: 'one' }),
      )
      assertStale(late, 'lock', { epoch: 2, incarnation: 'two' })
      assert.deepEqual(await valueAt(store, 'lock'), { epoch: 2, incarnation: 'two' })
    },
  ),

  contractCase(
    'purge: removes a tombstone or an expired entry, refuses a live one, accepts an absent one',
    cas,
    async (store) => {
      await committed(store, put('deleted', tombstone()), put('expired', expired(1)), put('live', 1))
      await committed(store, purge('deleted'))
      await committed(store, purge('expired'))
      assertConflict(await commit(store, purge('live')), 'live', 1)
      revisionOf(await commit(store, purge('never was')))
      assert.equal(await store.get('deleted'), null)
      assert.equal(await store.get('expired'), null)
      assert.equal(await valueAt(store, 'live'), 1)
    },
  ),
]

/** Contract: what is read is what was written, in key order, page by page. */
import assert from 'node:assert/strict'
import { compareKeys } from '../../domain/key.ts'
import type { Unit } from '../../ports/store.ts'
import { assertFailed, commit, committed, contractCase, entryOf, expired, listed, put, tombstone, valueAt } from './subject.ts'

/** In key order: by code point. As UTF-16 units the emoji would come before U+FF5E. */
const orderedKeys = ['Z', 'a', 'a b', 'a-', 'a/b', 'a/b/c', 'a0', 'b', 'z', 'é', '中', '～', '😀', '😀a', '𠀀']

export const readingCases = [
  contractCase('an absent key reads as null', [], async (store) => {
    assert.equal(await store.get('nothing'), null)
    assert.deepEqual(await listed(store.list('**')), [])
    assert.equal(await store.head(), 0)
  }),

  contractCase('headNow, where there is one, counts every commit that has its receipt', [], async (store) => {
    if (store.headNow === undefined) return
    assert.equal(store.headNow(), 0)
    for (let round = 0; round < 20; round++) {
      const revision = await committed(store, put('a', round), put('b', round))
      assert.equal(store.headNow(), revision + 1)
      assert.equal(store.headNow(), await store.head())
    }
    await store.close()
    assert.throws(() => store.headNow?.(), { code: 'closed' })
  }),

  contractCase('what was written is read back, member for member', [], async (store) => {
    const entry = entryOf(
      { list: [1, 'two', null, true, { deep: [] }], text: '', number: -1.5e-7, '': 0, ключ: 'значение' },
      { version: { w: 3, 'worker-2': 2 ** 53 - 1 }, ttl: 3600 },
    )
    const revision = await committed(store, put('a', entry))
    const stored = await store.get('a')
    assert.equal(stored?.key, 'a')
    assert.equal(stored?.revision, revision)
    assert.equal(JSON.stringify(stored?.entry.value), JSON.stringify(entry.value))
    assert.deepEqual({ ...stored?.entry.version }, { ...entry.version })
    assert.deepEqual(
      [stored?.entry.timestamp, stored?.entry.workerId, stored?.entry.ttl, stored?.entry.x],
      [entry.timestamp, entry.workerId, entry.ttl, entry.x],
    )
  }),

  contractCase('what is read is frozen, so that readers cannot change it for each other', [], async (store) => {
    await committed(store, put('a', { list: [1] }))
    const value = (await store.get('a'))?.entry.value as { list: number[] }
    assert.throws(() => value.list.push(2), TypeError)
    assert.deepEqual(await valueAt(store, 'a'), { list: [1] })
  }),

  contractCase('text of any script, and every control character, survives', [], async (store) => {
    let controls = ''
    for (let code = 0; code < 0x20; code++) controls += String.fromCharCode(code)
    const values = ['', controls, '"\\/\u2028\u2029\u007f', 'é e\u0301', '𝒳😀👩‍👩‍👧', '\ufeff\uffff', 'א ب', '0'.repeat(10_000)]
    for (const [index, value] of values.entries()) await committed(store, put(`k${index}`, value))
    for (const [index, value] of values.entries()) assert.equal(await valueAt(store, `k${index}`), value)
  }),

  contractCase('values up to 512 KiB survive, alone and several in one unit', [], async (store) => {
    const big = (fill: string) => fill.repeat(500 * 1024)
    await committed(store, put('one', big('x')))
    await committed(store, put('two', big('y')), put('three', big('z')))
    assert.equal(await valueAt(store, 'one'), big('x'))
    assert.equal(await valueAt(store, 'three'), big('z'))
    assert.equal((await listed(store.list('*'))).length, 3)
    await committed(store, put('one', 'small again'))
    assert.equal(await valueAt(store, 'one'), 'small again')
  }),

  contractCase(
    'keys up to 512 bytes are told apart by their last one; longer ones are refused',
    ['compareAndSet'],
    async (store) => {
      const long = 'k'.repeat(511)
      await committed(store, put(`${long}a`, 1), put(`${long}b`, 2))
      assert.equal(await valueAt(store, `${long}a`), 1)
      assert.equal(await valueAt(store, `${long}b`), 2)
      const wide = '😀'.repeat(128)
      await committed(store, put(wide, 3))
      assert.equal(await valueAt(store, wide), 3)
      assert.equal((await listed(store.list('**'))).length, 3)
      assertFailed(await commit(store, put(`${long}ab`, 4)), 'invalid_key')
      assertFailed(await commit(store, put(`${wide}a`, 4)), 'invalid_key')
      assertFailed(await commit(store, put('', 4)), 'invalid_key')
      assertFailed(await commit(store, put('line\nbreak', 4)), 'invalid_key')
      assertFailed(await commit(store, put('lone\ud800', 4)), 'invalid_key')
      assert.equal(await store.get(`${long}ab`), null)
    },
  ),

  contractCase('a list is in key order, by code point', [], async (store) => {
    assert.deepEqual(orderedKeys, [...orderedKeys].sort(compareKeys))
    for (const key of [...orderedKeys].reverse()) await committed(store, put(key, key))
    assert.deepEqual(
      (await listed(store.list('**'))).map((stored) => stored.key),
      orderedKeys,
    )
    for (const [index, key] of orderedKeys.entries()) {
      const rest = await listed(store.list('**', { after: key }))
      assert.deepEqual(
        rest.map((stored) => stored.key),
        orderedKeys.slice(index + 1),
      )
    }
  }),

  contractCase('a list gives what its pattern matches and nothing else', [], async (store) => {
    const keys = ['ns', 'ns/a', 'ns/a/record', 'ns/a/state', 'ns/b/record', 'ns/high-1', 'ns/high-2/x', 'nsx/a', 'other']
    await committed(store, ...keys.map((key) => put(key, 1)))
    const expected: [pattern: string, keys: string[]][] = [
      ['ns/a', ['ns/a']],
      ['absent', []],
      ['ns/*', keys.filter((key) => key.startsWith('ns/'))],
      ['ns/**', keys.filter((key) => key === 'ns' || key.startsWith('ns/'))],
      ['ns/*/record', ['ns/a/record', 'ns/b/record']],
      ['ns/high-*', ['ns/high-1']],
      ['**/record', ['ns/a/record', 'ns/b/record']],
      ['*/a', ['ns/a', 'nsx/a']],
      ['*', keys],
      ['**', keys],
    ]
    for (const [pattern, matching] of expected) {
      const found = (await listed(store.list(pattern))).map((stored) => stored.key)
      assert.deepEqual(found, [...matching].sort(compareKeys), pattern)
    }
  }),

  contractCase('a long list comes whole, and in any pages', [], async (store) => {
    const count = 3000
    const name = (index: number) => `list/${String(index).padStart(5, '0')}`
    for (let from = 0; from < count; from += 500) {
      const units: Unit[] = []
      for (let index = from; index < from + 500; index++) units.push([put(name((index * 1009) % count), index)])
      await store.commit(units)
    }
    await committed(store, put('before', 1), put('zafter', 1))
    const all = (await listed(store.list('list/*'))).map((stored) => stored.key)
    assert.deepEqual(
      all,
      Array.from({ length: count }, (_, index) => name(index)),
    )
    const paged: string[] = []
    for (;;) {
      const after = paged.at(-1)
      const page = await listed(store.list('list/*', after === undefined ? { limit: 701 } : { limit: 701, after }))
      assert.ok(page.length <= 701)
      if (page.length === 0) break
      paged.push(...page.map((stored) => stored.key))
    }
    assert.deepEqual(paged, all)
    assert.deepEqual(await listed(store.list('list/*', { limit: 0 })), [])
  }),

  contractCase('a list gives tombstones and expired entries: readers judge them', [], async (store) => {
    await committed(store, put('deleted', tombstone()), put('expired', expired('old')), put('live', 1))
    assert.deepEqual(
      (await listed(store.list('*'))).map((stored) => stored.key),
      ['deleted', 'expired', 'live'],
    )
    assert.equal((await store.get('deleted'))?.entry.x?.t, 1)
    assert.equal(await valueAt(store, 'expired'), 'old')
  }),

  contractCase('a list under way gives every key that stays there exactly once', [], async (store) => {
    const units: Unit[] = []
    for (let index = 0; index < 2000; index++) units.push([put(`k${String(index).padStart(4, '0')}`, 0)])
    await store.commit(units)
    const seen: string[] = []
    for await (const stored of store.list('k*')) {
      seen.push(stored.key)
      if (seen.length % 100 === 0) {
        const at = seen.length
        const later = Math.min(at + 50, 1999)
        await committed(store, put(`k${String(later).padStart(4, '0')}`, at), put(`a${at}`, 1), put(`k${at}x`, 1))
      }
    }
    const original = seen.filter((key) => /^k\d{4}$/.test(key))
    assert.equal(original.length, 2000)
    assert.equal(new Set(seen).size, seen.length)
  }),

  contractCase('read your writes: a read after a receipt sees it, through every handle', [], async (store, subject) => {
    const other = (await subject.another?.()) ?? store
    for (let round = 0; round < 100; round++) {
      const revision = await committed(round % 2 === 0 ? store : other, put('a', round))
      assert.equal(await valueAt(store, 'a'), round)
      assert.equal(await valueAt(other, 'a'), round)
      assert.ok((await store.head()) >= revision && (await other.head()) >= revision)
      assert.equal((await listed(other.list('a')))[0]?.revision, revision)
    }
  }),
]

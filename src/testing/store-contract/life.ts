/** Contract: opening, aborting, closing. */
import assert from 'node:assert/strict'
import type { Store } from '../../ports/store.ts'
import { committed, contractCase, listed, put, rejectsWith, revisionOf, valueAt } from './subject.ts'

export const lifeCases = [
  contractCase('opening again changes nothing', [], async (store) => {
    await committed(store, put('a', 1))
    await Promise.all([store.open(), store.open()])
    assert.equal(await valueAt(store, 'a'), 1)
  }),

  contractCase('a second handle sees what the first wrote, and outlives it', [], async (store, subject) => {
    const other = await subject.another?.()
    if (other === undefined) return
    await committed(store, put('a', 1))
    assert.equal(await valueAt(other, 'a'), 1)
    await store.close()
    await committed(other, put('a', 2))
    assert.equal(await valueAt(other, 'a'), 2)
  }),

  contractCase('a call whose signal is aborted already does nothing', [], async (store) => {
    const signal = AbortSignal.abort('given up')
    await rejectsWith('aborted', () => store.commit([[put('a', 1)]], { signal }))
    await rejectsWith('aborted', () => store.get('a', { signal }))
    await rejectsWith('aborted', () => store.head({ signal }))
    await rejectsWith('aborted', () => listed(store.list('*', { signal })))
    assert.equal(await store.get('a'), null)
    assert.equal(await store.head(), 0)
  }),

  contractCase('a malformed pattern, limit or place to resume is refused', [], async (store) => {
    await rejectsWith('invalid_key', () => listed(store.list('')))
    await rejectsWith('invalid_key', () => drain(store, 'a//b'))
    await rejectsWith('invalid_option', () => listed(store.list('*', { limit: -1 })))
    await rejectsWith('invalid_option', () => listed(store.list('*', { limit: 1.5 })))
    await rejectsWith('invalid_option', () => drain(store, '*', -1))
    await rejectsWith('invalid_option', () => drain(store, '*', Number.NaN))
  }),

  contractCase('closing settles the commits under way, and may be repeated', [], async (store, subject) => {
    const other = await subject.another?.()
    const pending = Array.from({ length: 20 }, (_, index) => store.commit([[put(`k${index}`, index)]]))
    await Promise.all([store.close(), store.close()])
    const receipts = await Promise.all(pending)
    for (const [receipt] of receipts) revisionOf(receipt)
    await store.close()
    if (other !== undefined) assert.equal(await valueAt(other, 'k19'), 19)
  }),

  contractCase('a closed store says so to every call', [], async (store) => {
    await committed(store, put('a', 1))
    await store.close()
    await rejectsWith('closed', () => store.get('a'))
    await rejectsWith('closed', () => store.head())
    await rejectsWith('closed', () => store.commit([[put('a', 2)]]))
    await rejectsWith('closed', () => listed(store.list('*')))
    await rejectsWith('closed', () => drain(store, '*'))
    await rejectsWith('closed', () => store.open())
  }),
]

async function drain(store: Store, pattern: string, after?: number): Promise<void> {
  for await (const item of store.watch(pattern, after === undefined ? {} : { after })) assert.fail(`got ${item.type}`)
}

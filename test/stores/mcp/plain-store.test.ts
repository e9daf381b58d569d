/** The store over plain servers: the contract's cases that ask for no compare-and-set, over both doubles. */
import { describe, expect, test } from 'vitest'
import { committed, FeedReader, put } from '../../../src/testing/store-contract/subject.ts'
import { storeContract } from '../../../src/testing/store-contract.ts'
import { plainDialects, plainServer } from './plain-server.ts'

/** It takes for granted that the last of several keys, written by several handles, is told last. A poll promises no such order. */
const ordered = 'a watch hears every handle, and each watch by itself'
const plainCases = storeContract.filter(({ name, needs = [] }) => needs.length === 0 && name !== ordered)
const fast = { pollBusyMs: 10, pollIdleMs: 50 }

test('most of the contract asks for no compare-and-set', () => {
  expect(plainCases.length).toBeGreaterThan(25)
  expect(storeContract.some(({ name }) => name === ordered)).toBe(true)
})

describe.each(plainDialects)('contract of a plain store over %s', (dialect) => {
  // What a server makes of a protected text is the same on both: left as it is.
  const encodings = dialect === 'claude-flow-v2' ? (['readable', 'protected'] as const) : (['readable'] as const)
  describe.each(encodings)('%s', (encoding) => {
    for (const { name, run } of plainCases) {
      test(name, () =>
        run(async () => {
          const server = plainServer(dialect)
          return {
            store: await server.store({ ...fast, encoding }),
            another: () => server.store({ ...fast, encoding }),
            dispose: () => server.close(),
          }
        }),
      )
    }
  })

  test(`${ordered}, in any order`, async () => {
    const server = plainServer(dialect)
    const [store, other] = [await server.store(fast), await server.store(fast)]
    const here = new FeedReader(store.watch('*', { after: 'now' }))
    const there = new FeedReader(other.watch('*', { after: 'now' }))
    for (let round = 0; round < 20; round++) await committed(round % 2 === 0 ? store : other, put(`k${round}`, round))
    for (let round = 0; round < 20; round++) {
      await here.until(`k${round}`)
      await there.until(`k${round}`)
    }
    await here.end()
    await committed(other, put('more', 1))
    await there.until('more')
    expect(await here.next()).toBe(null)
    expect([here.resets, there.resets]).toEqual([0, 0])
    await server.close()
  })
})

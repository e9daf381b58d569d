/** The store over plain servers: the contract over both doubles, but for what they do not promise, case by case. */
import { describe, expect, test } from 'vitest'
import type { PlainStoreOptions } from '../../../src/stores/mcp/plain-store.ts'
import type { ContractCase } from '../../../src/testing/store-contract.ts'
import { storeContract } from '../../../src/testing/store-contract.ts'
import { plainDialects, plainServer } from './plain-server.ts'

/** It compares revisions that two handles gave; those of a plain store mean nothing to another handle. */
const sharedRevisions = 'whenever it began and however slowly it reads, a watch ends at what is stored'
/** A key of 128 emoji has 1,536 characters in the alphabet of v3's keys, which may have 1,024. */
const wideKeys = 'keys up to 512 bytes are told apart by their last one; longer ones are refused'
const fast = { pollBusyMs: 10, pollIdleMs: 50 }

function casesOf(isSupported: (feature: 'compareAndSet' | 'atomicUnit') => boolean): readonly ContractCase[] {
  return storeContract.filter(({ name, needs = [] }) => needs.every(isSupported) && name !== sharedRevisions)
}

test('what is left out of the contract is known by name', () => {
  expect(storeContract.some(({ name }) => name === sharedRevisions)).toBe(true)
  const judged = casesOf((feature) => feature === 'compareAndSet')
  const names = new Set(judged.map(({ name }) => name))
  expect(storeContract.filter(({ name }) => !names.has(name)).map(({ name }) => name)).toEqual([
    'guard: a scope written by the same unit is judged as it was before',
    'a unit takes effect whole or not at all, wherever its refused write is',
    'the i-th write of a unit has the receipt’s revision plus i',
    'a large unit takes effect whole',
    'a watch tells nothing of refused units, nor of purges',
    sharedRevisions,
  ])
  expect(judged.length - casesOf(() => false).length).toBeGreaterThan(15)
})

describe.each(plainDialects)('contract of a plain store over %s', (dialect) => {
  // What a server makes of a protected text is the same on both: left as it is.
  const encodings = dialect === 'claude-flow-v2' ? (['readable', 'protected'] as const) : (['readable'] as const)
  describe.each(encodings)('%s', (encoding) => {
    const options: Partial<PlainStoreOptions> = { ...fast, encoding, singleServer: true }
    for (const { name, run } of casesOf((feature) => feature === 'compareAndSet')) {
      if (dialect === 'claude-flow-v3' && name === wideKeys) continue
      test(name, () =>
        run(async () => {
          const server = plainServer(dialect)
          const store = await server.store(options)
          expect(store.features).toMatchObject({ compareAndSet: 'assumed', atomicUnit: false })
          return { store, another: () => server.store(options), dispose: () => server.close() }
        }),
      )
    }
  })
})

describe('contract of a plain store over claude-flow-v3 with a server process for each client', () => {
  for (const { name, run } of casesOf(() => false)) {
    test(name, () =>
      run(async () => {
        const server = plainServer('claude-flow-v3')
        const store = await server.store(fast)
        expect(store.features).toMatchObject({ compareAndSet: false, atomicUnit: false })
        return { store, another: () => server.store(fast), dispose: () => server.close() }
      }),
    )
  }
})

/** The memory store: the contract, and what is its own. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { committed, put, valueAt } from '../../src/testing/store-contract/subject.ts'
import { storeContract } from '../../src/testing/store-contract.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

let names = 0

describe('contract of a private memory store', () => {
  for (const { name, run } of storeContract) {
    test(name, () => run(async () => ({ store: memoryStore({ clock: systemClock }), logChangesMax: 10_000 })))
  }
})

describe('contract of a shared memory store', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => {
        const options = { name: `contract-${names++}`, clock: createVirtualClock(), logChangesMax: 1000 }
        const stores = [memoryStore(options)]
        return {
          store: stores[0] as (typeof stores)[0],
          logChangesMax: 1000,
          another: async () => {
            const other = memoryStore(options)
            stores.push(other)
            await other.open()
            return other
          },
          dispose: async () => void (await Promise.all(stores.map((store) => store.close()))),
        }
      }),
    )
  }
})

describe('the memory store', () => {
  test('handles without a name share nothing', async () => {
    const [one, two] = [memoryStore({ clock: systemClock }), memoryStore({ clock: systemClock })]
    await committed(one, put('a', 1))
    expect(await two.get('a')).toBe(null)
  })

  test('what a name holds lives while one of its handles is open', async () => {
    const open = () => memoryStore({ name: 'lives', clock: systemClock })
    const one = open()
    await committed(one, put('a', 1))
    const two = open()
    await two.open()
    await one.close()
    expect(await valueAt(two, 'a')).toBe(1)
    await two.close()
    const three = open()
    expect(await three.get('a')).toBe(null)
    await three.close()
  })

  test('says where it is', () => {
    expect(memoryStore({ clock: systemClock }).url).toBe('memory:')
    expect(memoryStore({ name: 'x', clock: systemClock }).url).toBe('memory:x')
  })
})

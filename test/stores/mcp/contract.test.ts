/** The store contract, over our own server by each way to reach it. */
import { describe, expect, test } from 'vitest'
import { storeContract } from '../../../src/testing/store-contract.ts'
import { Ends, logChangesMax, memoryServer, servedByHttp, storeAt, storeInMemory } from './served.ts'
import { stdioServer } from './stdio-server.ts'

describe('contract over our server in this process', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => {
        const ends = new Ends()
        const server = await memoryServer(ends)
        const store = await storeInMemory(ends, server)
        return { store, logChangesMax, another: () => storeInMemory(ends, server), dispose: () => ends.run() }
      }),
    )
  }
})

describe('contract over our server by HTTP', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => {
        const ends = new Ends()
        const url = await servedByHttp(ends, await memoryServer(ends))
        const open = async () => {
          const store = storeAt(ends, { url })
          await store.open()
          return store
        }
        return { store: await open(), logChangesMax, another: open, dispose: () => ends.run() }
      }),
    )
  }
})

describe('contract over our server by stdio', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => {
        const ends = new Ends()
        const store = storeAt(ends, await stdioServer())
        await store.open()
        expect(store.features).toMatchObject({ compareAndSet: true, reach: 'network', durability: 'none' })
        return { store, logChangesMax, dispose: () => ends.run() }
      }),
    )
  }
})

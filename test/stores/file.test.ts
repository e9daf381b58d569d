/** The file store: the contract. What is its own lies beside it, by topic. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { fileStore } from '../../src/stores/file.ts'
import { storeContract } from '../../src/testing/store-contract.ts'

describe('contract of the file store', () => {
  for (const { name, run } of storeContract) {
    test(name, () =>
      run(async () => {
        const directory = mkdtempSync(join(tmpdir(), 'memory-sync-'))
        const options = { directory, clock: systemClock, logChangesMax: 2000 }
        const open = async () => {
          const store = fileStore(options)
          stores.push(store)
          await store.open()
          return store
        }
        const stores: ReturnType<typeof fileStore>[] = []
        return {
          store: await open(),
          another: open,
          logChangesMax: 2000,
          dispose: async () => {
            await Promise.all(stores.map((store) => store.close()))
            rmSync(directory, { recursive: true })
          },
        }
      }),
    )
  }
})

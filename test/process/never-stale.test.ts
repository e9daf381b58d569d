/** `NEVER_STALE_ROUNDS=100000 npx vitest run test/process/never-stale.test.ts` for many. */
import { createRuntime } from 'memory-sync'
import { expect, test } from 'vitest'
import { consoleLogger, systemClock, systemRandom } from '../../src/platform.ts'
import { ReadCache } from '../../src/runtime/cache.ts'
import { openStore } from '../../src/stores/open.ts'
import { withDirectory } from './children.ts'
import { neverStale } from './never-stale.ts'

const rounds = Number(process.env.NEVER_STALE_ROUNDS ?? 2000)
const timeout = 60_000 + rounds * 5

test('a cached read behind the word of another process is never older than the word', { timeout }, async () => {
  await withDirectory(async (directory) => {
    const url = `file:${directory}`
    const store = openStore(url, { clock: systemClock, random: systemRandom, logger: consoleLogger('error') })
    await store.open()
    const cache = new ReadCache({ store, admits: () => false })
    const follow = async (): Promise<void> => {
      for await (const item of store.watch('**', { after: 'now' })) {
        if (item.type === 'changes') cache.applied(item.changes)
        else if (item.type === 'caught-up') cache.caughtUp(item.revision)
        else cache.suspect()
      }
    }
    const following = follow()
    const counts = await neverStale(url, rounds, {
      get: async (key) => (await cache.get(key))?.entry.value,
      fresh: (key) => cache.fresh(key),
    })
    const { hits, misses } = cache.metrics()
    console.log(JSON.stringify({ ...counts, hits, misses }))
    expect(counts.stale).toEqual([])
    // A cache that never hits is never stale either.
    expect(hits).toBeGreaterThan(rounds)
    await store.close()
    await following
  })
})

test('nor is one of runtime.memory', { timeout }, async () => {
  await withDirectory(async (directory) => {
    const url = `file:${directory}`
    const runtime = createRuntime({ store: url })
    await runtime.ready()
    const counts = await neverStale(url, rounds, { get: (key) => runtime.memory.get(key) })
    expect(counts.stale).toEqual([])
    await runtime.shutdown()
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Stored } from '../../src/ports/store.ts'
import { answerAll, cacheOn, filled, ModelStore, type State, stateOf, turn } from './cache-model.ts'

/** More with CACHE_RUNS=10000. */
const runs = Number(process.env.CACHE_RUNS ?? 150)

const keys = ['a', 'b', 'c']

/** `next`: what the test lets happen behind the step: nothing, promise jobs, a turn of the event loop. */
const stepOf = fc.record({
  do: fc.constantFrom(
    'write',
    'write',
    'own',
    'delete',
    'purge',
    'get',
    'get',
    'get',
    'fresh',
    'fresh',
    'read',
    'answer',
    'answer',
    'push',
    'push',
    'log',
    'lose',
    'reset',
    'clear',
    'receipt',
  ),
  at: fc.nat({ max: 7 }),
  next: fc.constantFrom('nothing', 'jobs', 'turn', 'turn'),
} as const)

describe.each(['process', 'machine', 'network'] as const)(
  'whatever happens in whatever order on a store of reach %s',
  (reach) => {
    it.each([1, 2, 3])('no read is older than what was known when it began (cache of %i)', async (size) => {
      const isSound = async (steps: readonly (typeof stepOf extends fc.Arbitrary<infer T> ? T : never)[]): Promise<void> => {
        const store = new ModelStore(reach)
        for (const key of keys.slice(0, 2)) store.write(key, 'other')
        store.snapshot()
        const cache = cacheOn(store, size)
        let isLost = false
        let turnRevision = store.revision
        /** By own receipts and the feed, for network stores. */
        const toldByKey = new Map<string, number>()
        const tell = (key: string, revision: number) => toldByKey.set(key, Math.max(revision, toldByKey.get(key) ?? 0))
        const floor = (key: string): number => {
          if (reach === 'network') return toldByKey.get(key) ?? 0
          return reach === 'process' ? store.revision : turnRevision
        }
        const check = (key: string, from: number, found: Stored | null): void => {
          const allowed: Set<State> = store.statesSince(key, from)
          expect(allowed.has(stateOf(found)), `${key}: ${stateOf(found)} is none of ${[...allowed]}`).toBe(true)
        }
        const checks: Promise<void>[] = []
        const reset = (): void => {
          cache.suspect()
          const { stored, revision } = store.snapshot()
          cache.applied(stored)
          cache.caughtUp(revision)
          for (const change of stored) tell(change.key, change.revision)
          isLost = false
        }
        const told = (changes: readonly Stored[]): void => {
          if (changes.length > 0) cache.applied(changes)
          for (const { key, revision } of changes) tell(key, revision)
        }
        for (const step of steps) {
          const key = keys[step.at % keys.length] as string
          const reading = store.readings[step.at % Math.max(1, store.readings.length)]
          if (step.do === 'write') store.write(key, 'other')
          else if (step.do === 'own') store.write(key, 'own')
          else if (step.do === 'delete') store.write(key, 'other', true)
          else if (step.do === 'purge') store.purge(key)
          else if (step.do === 'receipt') {
            const { revision } = store.write(key, 'own')
            cache.committed(key, revision)
            tell(key, revision)
          } else if (step.do === 'get') {
            const from = floor(key)
            const checked = cache.get(key).then((found) => check(key, from, found))
            // Told at the end, if the run gets there.
            checked.catch(() => {})
            checks.push(checked)
          } else if (step.do === 'fresh') {
            const found = cache.fresh(key)
            if (found !== undefined) check(key, floor(key), found)
          } else if (step.do === 'read') store.read(reading)
          else if (step.do === 'answer') store.answer(reading)
          else if (step.do === 'clear') cache.clear()
          else if (step.do === 'reset') reset()
          else if (step.do === 'lose') {
            cache.suspect()
            isLost = true
          } else if (isLost) {
            // The feed is back where it was.
            told(store.pushed(step.at))
            cache.caughtUp(store.place)
            isLost = false
          } else if (step.do === 'push') told(store.pushed(step.at))
          else {
            const changes = store.logged(step.at)
            if (changes === null) reset()
            else told(changes)
          }
          if (step.next === 'jobs') for (let jobs = 0; jobs < 6; jobs++) await null
          if (step.next === 'turn') {
            await turn()
            turnRevision = store.revision
          }
          expect(cache.metrics().size).toBeLessThanOrEqual(size)
        }
        await answerAll(store)
        await Promise.all(checks)
        expect(store.readsAtOnceMax).toBeLessThanOrEqual(1)
        // In the end everybody agrees.
        reset()
        await turn()
        for (const key of keys) check(key, store.revision, await filled(store, cache, key))
        for (const key of keys) if (cache.fresh(key) !== undefined) check(key, store.revision, cache.peek(key) ?? null)
      }
      await fc.assert(fc.asyncProperty(fc.array(stepOf, { maxLength: 60, size: 'max' }), isSound), { numRuns: runs })
    })
  },
)

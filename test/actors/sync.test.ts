/** The feed's hands: where it is opened, what is passed on, and that nothing is missed over cuts and crashes. */
import { describe, expect, test } from 'vitest'
import { createActor } from 'xstate'
import { syncLogic } from '../../src/actors/sync.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import type { FeedItem, WatchOptions } from '../../src/ports/store.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

interface Watch {
  readonly pattern: string
  readonly after: WatchOptions['after']
  readonly signal: AbortSignal | undefined
  give(item: FeedItem): void
  fail(error: unknown): void
  end(): void
}

function changes(...revisions: number[]): FeedItem {
  const entry = { value: null, version: {}, timestamp: 0, workerId: 'w' }
  return { type: 'changes', changes: revisions.map((revision) => ({ key: `k/${revision}`, entry, revision })) }
}

const caughtUp = (revision: number): FeedItem => ({ type: 'caught-up', revision })

function feed() {
  const clock = createVirtualClock()
  const watches: Watch[] = []
  const log: unknown[] = []
  const hands = { mustCrash: false, mustRefuse: false }
  const logic = syncLogic({
    random: createSeededRandom(1),
    dispatch: (given) => {
      if (hands.mustCrash) throw new Error('no')
      log.push(...given.map(({ revision }) => revision))
    },
    announce: (state) => log.push(state),
    report: (message) => log.push(`report ${message}`),
    store: {
      watch: (pattern, options = {}) => {
        if (hands.mustRefuse) throw new Error('refused')
        const items: (IteratorResult<FeedItem> | { readonly error: unknown })[] = []
        let wake: () => void = () => {}
        const put = (item: (typeof items)[number]): void => {
          items.push(item)
          wake()
        }
        watches.push({
          pattern,
          after: options.after,
          signal: options.signal,
          give: (value) => put({ done: false, value }),
          fail: (error) => put({ error }),
          end: () => put({ done: true, value: undefined }),
        })
        return {
          [Symbol.asyncIterator]: () => ({
            async next() {
              if (items.length === 0) {
                await new Promise<void>((resolve) => {
                  wake = resolve
                })
              }
              const item = items.shift()
              if (item === undefined) throw new Error('nothing to give')
              if ('error' in item) throw item.error
              return item
            },
          }),
        }
      },
    },
  })
  const start = () => {
    const actor = createActor(logic, { clock: xstateClock(clock) })
    actor.subscribe({ error: () => {} })
    return actor.start()
  }
  const last = (): Watch => watches.at(-1) ?? expect.unreachable()
  return { clock, watches, log, hands, start, last }
}

describe('the feed', () => {
  test('begins with what is committed from now on, of all keys', async () => {
    const { start, watches, log, clock, last } = feed()
    start()
    expect(watches).toMatchObject([{ pattern: '**', after: 'now' }])
    last().give(caughtUp(7))
    last().give(changes(8, 9))
    await clock.settle()
    expect(log).toEqual(['live', 8, 9])
  })

  test('that is cut is opened again behind what was dispatched last', async () => {
    const { start, watches, log, clock, last } = feed()
    start()
    last().give(caughtUp(7))
    last().give(changes(8, 9))
    last().fail(new Error('cut'))
    await clock.settle()
    expect(watches).toHaveLength(1)
    await clock.runUntil(() => watches.length === 2)
    expect(last().after).toBe(9)
    last().give(changes(10))
    last().give(caughtUp(10))
    last().end()
    await clock.runUntil(() => watches.length === 3)
    expect(last().after).toBe(10)
    expect(log).toEqual(['live', 8, 9, 'report cut', 10, 'live', 'report the store ended the watch'])
  })

  test('that stays away is tried with pauses that grow to a limit', async () => {
    const { start, hands, log, clock, last, watches } = feed()
    start()
    last().give(caughtUp(1))
    await clock.settle()
    hands.mustRefuse = true
    last().end()
    await clock.advance(60_000)
    const tries = log.filter((line) => line === 'report refused').length
    expect(tries).toBeGreaterThan(60_000 / 5000)
    expect(tries).toBeLessThan(60_000 / 2500 + 10)
    hands.mustRefuse = false
    await clock.runUntil(() => watches.length === 2)
    expect(last().after).toBe(1)
  })

  test('with a gap says so, gives all that is stored, and is live again', async () => {
    const { start, log, clock, last } = feed()
    start()
    last().give(caughtUp(7))
    last().give({ type: 'reset' })
    last().give(changes(3, 9))
    last().give(caughtUp(9))
    last().give(changes(10))
    await clock.settle()
    expect(log).toEqual(['live', 'reset', 3, 9, 'live', 10])
  })

  test('cut in the middle of a snapshot is asked for all of it again', async () => {
    const { start, clock, last, watches } = feed()
    start()
    last().give(caughtUp(7))
    last().give({ type: 'reset' })
    last().give(changes(90))
    last().fail(new Error('cut'))
    await clock.runUntil(() => watches.length === 2)
    // In key order: 90 says nothing of what lies behind it.
    expect(last().after).toBe(7)
  })

  test('ends with its actor: the connection is closed, and what comes late goes nowhere', async () => {
    const { start, log, clock, last } = feed()
    const actor = start()
    last().give(caughtUp(7))
    await clock.settle()
    actor.send({ type: 'sync.stop' })
    expect(actor.getSnapshot().status).toBe('done')
    expect(last().signal?.aborted).toBe(true)
    last().give(changes(8))
    last().fail(new Error('late'))
    await clock.settle()
    expect(log).toEqual(['live'])
    expect(clock.pending).toBe(0)
  })

  test('whose actor was stopped from outside sends it nothing more', async () => {
    const { start, log, clock, last } = feed()
    const actor = start()
    last().give(caughtUp(7))
    await clock.settle()
    actor.stop()
    last().give(changes(8))
    last().give(changes(9))
    await clock.settle()
    expect(log).toEqual(['live'])
  })

  test('goes on where it was when its actor crashed and is started anew', async () => {
    const { start, log, hands, clock, last, watches } = feed()
    start()
    last().give(caughtUp(7))
    last().give(changes(8))
    await clock.settle()
    hands.mustCrash = true
    last().give(changes(9))
    await clock.settle()
    hands.mustCrash = false
    start()
    expect(watches).toHaveLength(2)
    expect(last().after).toBe(8)
    last().give(changes(9))
    last().give(caughtUp(9))
    await clock.settle()
    expect(log).toEqual(['live', 8, 9, 'live'])
    // The old connection is no more.
    expect(watches[0]?.signal?.aborted).toBe(true)
  })
})

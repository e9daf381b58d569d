/** Which commits of a handle go under the mutex, in which order, and what becomes of them when it is not to be had. */
import { expect, test } from 'vitest'
import { MemorySyncError } from '../../../src/domain/errors.ts'
import type { Receipt, Unit } from '../../../src/ports/store.ts'
import { PlainCommits, turnWaitMsMax, unitsPerTurnMax } from '../../../src/stores/mcp/plain-commits.ts'
import { put, rejectsWith } from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock } from '../../../src/testing/virtual-clock.ts'

const plain = (key: string): Unit => [put(key, 1)]
const judged = (key: string): Unit => [put(key, 1, { type: 'absent' })]
const done: Receipt = { type: 'committed', revision: 1, durability: 'none' }

interface Play {
  acquire?(): Promise<void>
  isFresh?(unitsSoFar: number, turnsSoFar: number): boolean
  receipt?(key: string): Receipt
}

/** Everything that happens, in order. */
function commits({ acquire, isFresh, receipt }: Play = {}) {
  const log: string[] = []
  const clock = createVirtualClock()
  let [units, turns] = [0, 0]
  const keyOf = (unit: Unit): string => unit[0]?.key ?? ''
  const made = new PlainCommits({
    clock,
    writer: {
      commit: async (given, refusal) => {
        log.push(`plain ${given.map(keyOf)}${refusal === undefined ? '' : ` without ${refusal.code}`}`)
        return given.map(() => done)
      },
      commitHeld: async (unit) => {
        units++
        log.push(keyOf(unit))
        return receipt?.(keyOf(unit)) ?? done
      },
    },
    mutex: {
      acquire: async (untilMs) => {
        log.push('acquire')
        expect(untilMs - clock.monotonicMs()).toBeLessThanOrEqual(turnWaitMsMax)
        await acquire?.()
        turns++
        return {
          get isFresh() {
            return isFresh?.(units, turns) ?? true
          },
          renew: async () => {},
          release: async () => void log.push('release'),
        }
      },
    },
  })
  return { made, log }
}

test('commits are carried out in the order of the calls, and what has gathered shares a turn', async () => {
  const { made, log } = commits()
  const all = [[plain('a')], [judged('b'), plain('c')], [judged('d')], [plain('e'), plain('f')], [judged('g')]]
  const receipts = await Promise.all(all.map((units) => made.submit(units, undefined)))
  await made.idle()
  expect(receipts.map(({ length }) => length)).toEqual([1, 2, 1, 2, 1])
  expect(log).toEqual(['plain a', 'acquire', 'b', 'c', 'd', 'release', 'plain e,f', 'acquire', 'g', 'release'])
})

test('a turn ends after so many units, and when it has lasted too long: the rest goes under another', async () => {
  const many = commits()
  const units = Array.from({ length: unitsPerTurnMax + 1 }, (_, index) => judged(`k${index}`))
  expect(await many.made.submit(units, undefined)).toHaveLength(units.length)
  expect(many.log.filter((line) => line === 'acquire')).toHaveLength(2)
  const slow = commits({ isFresh: (units, turns) => units < turns })
  expect(await slow.made.submit([judged('a'), judged('b')], undefined)).toEqual([done, done])
  await slow.made.idle()
  expect(slow.log).toEqual(['acquire', 'a', 'release', 'acquire', 'b', 'release'])
})

test('without a turn nothing is written, and the next commit tries again', async () => {
  let tries = 0
  const { made, log } = commits({
    acquire: async () => {
      if (++tries === 1) throw new MemorySyncError('store_unavailable', 'no turn')
    },
  })
  const [first, second] = [made.submit([judged('a'), plain('b')], undefined), made.submit([judged('c')], undefined)]
  await rejectsWith('store_unavailable', () => first)
  expect(await second).toEqual([done])
  await made.idle()
  expect(log).toEqual(['acquire', 'acquire', 'c', 'release'])
})

test('at a server where there can be no turn, units that need none are written', async () => {
  const { made, log } = commits({
    acquire: async () => {
      throw new MemorySyncError('not_supported', 'no register')
    },
  })
  expect(await made.submit([judged('a'), plain('b')], undefined)).toHaveLength(2)
  expect(log).toEqual(['acquire', 'plain a,b without not_supported'])
})

test('units of which nothing is written for a failing server reject the commit only if all of them fail so', async () => {
  const unavailable: Receipt = { type: 'failed', error: new MemorySyncError('store_unavailable', 'gone') }
  const { made } = commits({ receipt: (key) => (key === 'a' ? unavailable : done) })
  await rejectsWith('store_unavailable', () => made.submit([judged('a')], undefined))
  expect(await made.submit([judged('a'), judged('b')], undefined)).toEqual([unavailable, done])
})

test('a caller that turns away while others have their turn gets nothing written', async () => {
  const controller = new AbortController()
  const { made, log } = commits({
    receipt: () => {
      controller.abort()
      return done
    },
  })
  const [first, second] = [made.submit([judged('a')], undefined), made.submit([judged('b')], controller.signal)]
  second.catch(() => {})
  expect(await first).toEqual([done])
  await rejectsWith('aborted', () => second)
  await made.idle()
  expect(log).toEqual(['acquire', 'a', 'release'])
})

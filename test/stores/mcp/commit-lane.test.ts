/** Commits on their way to a memory server: what may be under way at once, in which order, and whose receipt is whose. */
import { expect, test } from 'vitest'
import { MemorySyncError } from '../../../src/domain/errors.ts'
import type { Guard, Receipt, Unit } from '../../../src/ports/store.ts'
import { CommitLane, type CommitLaneOptions, callsAtOnceMax } from '../../../src/stores/mcp/commit-lane.ts'
import { put } from '../../../src/testing/store-contract/subject.ts'

interface Sent {
  readonly keys: readonly string[]
  /** The server answers; each unit's revision is its key's number. */
  answer(): Promise<void>
  fail(): Promise<void>
}

/** All that is due has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function laneOf(options: Partial<CommitLaneOptions> = {}) {
  const sent: Sent[] = []
  const lane = new CommitLane({
    send: (units) =>
      new Promise((resolve, reject) => {
        const keys = units.flatMap((unit) => unit.map(({ key }) => key))
        sent.push({
          keys,
          answer() {
            resolve(units.map(([write]) => committed(Number(write?.key.slice(1)))))
            return settled()
          },
          fail() {
            reject(new MemorySyncError('unknown_outcome', 'no reply'))
            return settled()
          },
        })
      }),
    clearance: () => null,
    callUnitsMax: 2,
    callBytesMax: 1000,
    ...options,
  })
  const commit = (...units: readonly Unit[]): Promise<readonly Receipt[]> =>
    lane.submit(
      units.map((unit) => ({ unit, bytes: 1 })),
      undefined,
    )
  return { lane, sent, commit }
}

function committed(revision: number): Receipt {
  return { type: 'committed', revision, durability: 'none' }
}

const guard = (scope: string): Guard => ({ scope, epoch: 1, incarnation: 'i' })

test('two calls that have nothing to do with each other are under way at once; what comes meanwhile goes together', async () => {
  const { sent, commit } = laneOf()
  const receipts = [1, 2, 3, 4, 5].map((number) => commit([put(`k${number}`, number)]))
  expect(callsAtOnceMax).toBe(2)
  expect(sent.map(({ keys }) => keys)).toEqual([['k1'], ['k2']])
  // Whichever is answered first, everybody has his own receipt.
  await sent[1]?.answer()
  expect(sent.map(({ keys }) => keys)).toEqual([['k1'], ['k2'], ['k3', 'k4']])
  await sent[2]?.answer()
  await sent[0]?.answer()
  await sent[3]?.answer()
  expect(await Promise.all(receipts)).toEqual([1, 2, 3, 4, 5].map((revision) => [committed(revision)]))
})

test.each<[string, Unit, Unit]>([
  ['write the same key', [put('k1', 1)], [put('k2', 2), put('k1', 2)]],
  ['write what the later one is guarded by', [put('k1', 1)], [put('k2', 2, { type: 'none' }, guard('k1'))]],
  ['are guarded by what the later one writes', [put('k1', 1, { type: 'none' }, guard('k2'))], [put('k2', 2)]],
])('of units that %s the later one waits for the earlier one, and what is behind it, too', async (_, earlier, later) => {
  const { sent, commit } = laneOf()
  const all = Promise.all([commit(earlier), commit(later), commit([put('k9', 9)])])
  expect(sent).toHaveLength(1)
  await settled()
  expect(sent).toHaveLength(1)
  await sent[0]?.answer()
  expect(sent).toHaveLength(2)
  await sent[1]?.answer()
  await sent[2]?.answer()
  expect((await all).flat().every(({ type }) => type === 'committed')).toBe(true)
})

test('units guarded by one scope do not wait for each other', () => {
  const { sent, commit } = laneOf()
  void commit([put('k1', 1, { type: 'none' }, guard('lock'))])
  void commit([put('k2', 2, { type: 'none' }, guard('lock'))])
  expect(sent).toHaveLength(2)
})

test('a commit has one call under way; after one without a receipt nothing more of it is sent, others go on', async () => {
  const { lane, sent, commit } = laneOf()
  const split = commit(...[1, 2, 3, 4].map((number) => [put(`k${number}`, number)]))
  const other = commit([put('k5', 5)])
  expect(sent.map(({ keys }) => keys)).toEqual([['k1', 'k2']])
  const failure = expect(split).rejects.toMatchObject({ code: 'unknown_outcome' })
  await sent[0]?.fail()
  await failure
  expect(sent.map(({ keys }) => keys)).toEqual([['k1', 'k2'], ['k5']])
  let isIdle = false
  void lane.idle().then(() => {
    isIdle = true
  })
  await settled()
  expect(isIdle).toBe(false)
  await sent[1]?.answer()
  expect(await other).toEqual([committed(5)])
  expect(isIdle).toBe(true)
})

test('the next call is on its way before those of the last one hear of their receipts', async () => {
  const { sent, commit } = laneOf()
  const calls: number[] = []
  void commit([put('k1', 1)]).then(() => calls.push(sent.length))
  void commit([put('k1', 2)])
  await sent[0]?.answer()
  expect(calls).toEqual([2])
})

test('nothing is sent before it may be', async () => {
  let clear = (): void => {}
  let waits: Promise<void> | null = new Promise((resolve) => {
    clear = resolve
  })
  const { lane, sent, commit } = laneOf({ clearance: () => waits })
  const receipt = commit([put('k1', 1)])
  void commit([put('k2', 2)])
  await settled()
  expect(sent).toEqual([])
  waits = null
  clear()
  await settled()
  expect(sent.map(({ keys }) => keys)).toEqual([['k1', 'k2']])
  await sent[0]?.answer()
  expect(await receipt).toEqual([committed(1)])
  await lane.idle()
})

/** A store that takes nothing more, and callers that go on. */
import { describe, expect, test } from 'vitest'
import { batchesInFlightMax } from '../../machines/batch-writer.ts'
import { batchUnitsMax } from '../../src/actors/batch-writer.ts'
import { bufferedUnitsMax } from '../../src/domain/batch.ts'
import { world } from './harness.ts'

/** Batches that hang are no longer in the buffer. */
const hungMax = batchesInFlightMax * batchUnitsMax
/** Above the bound. */
const callsMade = bufferedUnitsMax + hungMax + 1500

function stuck(backpressure: 'wait' | 'reject') {
  const made = world()
  const member = made.join({ backpressure })
  return { ...member, ...made, memory: member.runtime.memory }
}

describe('with a store that hangs', () => {
  test.each([
    ['set', (memory: ReturnType<typeof stuck>['memory'], n: number) => memory.set(`k/${n}`, n)],
    ['update', (memory: ReturnType<typeof stuck>['memory'], n: number) => memory.update(`k/${n}`, () => n)],
    ['ifAbsent', (memory: ReturnType<typeof stuck>['memory'], n: number) => memory.set(`k/${n}`, n, { ifAbsent: true })],
    [
      'submit',
      (_: unknown, n: number, runtime: ReturnType<typeof stuck>['runtime']) => runtime.submit({ id: `t${n}`, type: 'x' }),
    ],
  ])("'reject' refuses what does not fit the buffer, and nothing else is lost (%s)", async (_, call) => {
    const { store, run, runtime, memory, clock } = stuck('reject')
    await run(runtime.ready())
    const inner = store.commit.bind(store)
    let isStuck = true
    const held: (() => void)[] = []
    store.commit = async (units, options) => {
      if (isStuck) await new Promise<void>((resolve) => held.push(resolve))
      return inner(units, options)
    }
    const outcomes = { written: 0, refused: 0 }
    const codes = new Set<unknown>()
    const calls = Array.from({ length: callsMade }, (_, n) =>
      (call(memory, n, runtime) as Promise<unknown>).then(
        () => outcomes.written++,
        (error) => {
          codes.add(error.code)
          outcomes.refused++
        },
      ),
    )
    await clock.advance(500)
    expect(outcomes.written).toBe(0)
    expect(outcomes.refused).toBeGreaterThanOrEqual(callsMade - bufferedUnitsMax - hungMax)
    expect(outcomes.refused).toBeLessThanOrEqual(callsMade - bufferedUnitsMax)
    isStuck = false
    for (const release of held) release()
    await run(Promise.all(calls))
    expect(outcomes.written + outcomes.refused).toBe(callsMade)
    expect(codes).toEqual(new Set(['backpressure']))
    // There is room again.
    await run(memory.set('again', 1))
  })

  test("'wait' takes them all in the end, in the order of the calls", async () => {
    const { store, run, runtime, memory, clock } = stuck('wait')
    await run(runtime.ready())
    const inner = store.commit.bind(store)
    let isStuck = true
    const held: (() => void)[] = []
    const order: number[] = []
    store.commit = async (units, options) => {
      if (isStuck) await new Promise<void>((resolve) => held.push(resolve))
      for (const [write] of units) if (write?.key.startsWith('k/')) order.push(Number(write.key.slice(2)))
      return inner(units, options)
    }
    let settled = 0
    const calls = Array.from({ length: callsMade }, (_, n) => memory.set(`k/${n}`, n).then(() => settled++))
    await clock.advance(500)
    expect(settled).toBe(0)
    isStuck = false
    for (const release of held) release()
    await run(Promise.all(calls))
    expect(settled).toBe(callsMade)
    // What waits for room goes in the order in which it came.
    const waited = order.slice(-1000)
    expect(waited).toEqual(waited.toSorted((a, b) => a - b))
    expect(waited.at(-1)).toBe(callsMade - 1)
  })

  test('who waits for room is told when the runtime is shut down', async () => {
    const { store, run, runtime, memory, clock } = stuck('wait')
    await run(runtime.ready())
    store.commitFate = () => 'hang'
    const codes = new Map<string, number>()
    const calls = Array.from({ length: callsMade }, (_, n) =>
      memory.set(`k/${n}`, n).catch((error) => codes.set(error.code, (codes.get(error.code) ?? 0) + 1)),
    )
    await clock.advance(100)
    await run(runtime.shutdown())
    await run(Promise.all(calls), 1000)
    expect([...codes.values()].reduce((sum, count) => sum + count, 0)).toBe(callsMade)
    expect([...codes.keys()].toSorted()).toEqual(['closed', 'unflushed'])
    store.faults.release()
    await clock.advance(10)
  })
})

/** The worker's hands: its documents, its heartbeat, its slots. */
import { describe, expect, test } from 'vitest'
import { createActor } from 'xstate'
import type { RememberOptions, WriteOutcome } from '../../src/actors/outcome.ts'
import { workerLogic } from '../../src/actors/worker.ts'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Json } from '../../src/domain/json.ts'
import type { Intent } from '../../src/domain/write.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const committed: WriteOutcome = { type: 'committed', revision: 1, version: {}, durability: 'none' }
const failed: WriteOutcome = { type: 'failed', error: new MemorySyncError('store_unavailable', 'down') }

interface Written {
  readonly documents: Record<string, Json | undefined>
  readonly intents: readonly Intent[]
  readonly options: RememberOptions | undefined
  answer(outcome?: WriteOutcome): void
}

function workers(capacity = 2) {
  const clock = createVirtualClock()
  const written: Written[] = []
  const asked: string[] = []
  const keepAlives: unknown[] = []
  const logic = workerLogic({
    clock: {
      ...clock,
      setTimer: (delayMs, fire, options) => {
        keepAlives.push(options?.keepAlive)
        return clock.setTimer(delayMs, fire, options)
      },
    },
    heartbeatIntervalMs: 1000,
    keepAlive: false,
    nowMs: () => clock.monotonicMs(),
    askForTasks: (id) => asked.push(id),
    remember: (intents, answer, options) => {
      const documents = Object.fromEntries(intents.map(({ key, value }) => [key.replace('ns/workers/', ''), value]))
      written.push({ documents, intents, options, answer: (outcome = committed) => answer(outcome) })
    },
  })
  const start = (id = 'w') => {
    const input = {
      id,
      incarnation: 'i',
      prefix: `ns/workers/${id}`,
      capacity,
      types: ['x'],
      heartbeatTtlSeconds: 30,
      startedMs: 5,
    }
    return createActor(logic, { input, clock: xstateClock(clock) }).start()
  }
  return { clock, written, asked, keepAlives, start }
}

describe('a worker', () => {
  test('registers before it asks for tasks, urgently', () => {
    const { start, written, asked } = workers()
    const actor = start()
    expect(written).toMatchObject([
      {
        options: { urgent: true },
        documents: {
          'w/heartbeat': { sequence: 0, incarnation: 'i', timestamp: 5 },
          'w/status': { state: 'active', capacity: 2, running: 0, types: ['x'], incarnation: 'i', startedAt: 5 },
          'w/capacity': { available: 2, timestamp: 5 },
        },
      },
    ])
    expect(written[0]?.intents.map(({ ttlSeconds }) => ttlSeconds)).toEqual([30, undefined, undefined])
    expect(asked).toEqual([])
    written[0]?.answer()
    expect([actor.getSnapshot().value, asked]).toEqual(['idle', ['w']])
  })

  test.each([
    ['failed', failed],
    ['refused', { type: 'stale-epoch', scope: 's', stored: null } satisfies WriteOutcome],
  ])('whose registration is %s works all the same', (_, outcome) => {
    const { start, written, asked } = workers()
    const actor = start()
    written[0]?.answer(outcome)
    expect([actor.getSnapshot().value, asked]).toEqual(['idle', ['w']])
  })

  test('beats at its interval, with a number that rises and what it has to do', async () => {
    const { start, written, clock, keepAlives } = workers()
    const actor = start()
    written[0]?.answer()
    actor.send({ type: 'task.assigned' })
    await clock.advance(3500)
    const beats = written.slice(1)
    expect(beats.map(({ documents }) => (documents['w/heartbeat'] as { sequence: number }).sequence)).toEqual([1, 2, 3])
    expect(beats.at(-1)?.documents).toMatchObject({ 'w/capacity': { available: 1 }, 'w/status': { running: 1 } })
    expect(new Set(keepAlives)).toEqual(new Set([false]))
  })

  test('asks for tasks while it has room', () => {
    const { start, written, asked } = workers()
    const actor = start()
    written[0]?.answer()
    const states: unknown[] = []
    for (const type of ['task.assigned', 'task.assigned', 'task.ended', 'task.ended'] as const) {
      actor.send({ type })
      states.push([actor.getSnapshot().value, asked.length])
    }
    expect(states).toEqual([
      ['busy', 1],
      ['saturated', 1],
      ['busy', 2],
      ['idle', 3],
    ])
  })

  test('that is drained ends what it has, says so, and is gone when that is written', async () => {
    const { start, written, clock } = workers()
    const actor = start()
    written[0]?.answer()
    actor.send({ type: 'task.assigned' })
    actor.send({ type: 'worker.drain' })
    await clock.advance(1000)
    expect(written.at(-1)?.documents).toMatchObject({ 'w/status': { state: 'draining' } })
    actor.send({ type: 'task.ended' })
    expect(written.at(-1)?.documents).toMatchObject({ 'w/status': { state: 'offline', running: 0 }, 'w/heartbeat': undefined })
    expect(clock.pending).toBe(0)
    expect(actor.getSnapshot().status).toBe('active')
    written.at(-1)?.answer(failed)
    expect(actor.getSnapshot().status).toBe('done')
  })

  test('that leaves writes no heartbeat behind its last word', async () => {
    const { start, written, clock } = workers()
    const actor = start()
    actor.send({ type: 'worker.drain' })
    const count = written.length
    actor.send({ type: 'heartbeat.due', atMs: 9 })
    await clock.advance(10_000)
    expect(written).toHaveLength(count)
    // The answer to its registration comes late.
    written[0]?.answer()
    expect(actor.getSnapshot().value).toBe('leaving')
    written.at(-1)?.answer()
    expect(actor.getSnapshot().status).toBe('done')
  })

  test('that was stopped is not woken', async () => {
    const { start, written, clock } = workers()
    const actor = start()
    actor.stop()
    await clock.advance(10_000)
    expect(written).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  test('that is started anew beats once per interval', async () => {
    const { start, written, clock } = workers()
    start().stop()
    start()
    await clock.advance(1000)
    expect(written).toHaveLength(3)
  })

  test('keeps its heart to itself: several of one process beat independently', async () => {
    const { start, written, clock } = workers()
    const one = start('one')
    await clock.advance(500)
    start('two')
    one.send({ type: 'worker.drain' })
    await clock.advance(2000)
    const beats = written.filter(({ documents }) => 'two/heartbeat' in documents)
    expect(beats).toHaveLength(3)
  })
})

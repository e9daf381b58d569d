import { describe, expect, it } from 'vitest'
import type { AnyStateMachine } from 'xstate'
import { batchWriterMachine } from '../../machines/batch-writer.ts'
import { circuitBreakerMachine } from '../../machines/circuit-breaker.ts'
import { effect, unboundEffects } from '../../machines/effect.ts'
import { syncMachine } from '../../machines/sync.ts'
import { taskMachine } from '../../machines/task.ts'
import { workerMachine } from '../../machines/worker.ts'
import { BatchWriter } from '../../src/actors/batch-writer.ts'
import { assertBound } from '../../src/actors/bind.ts'
import { circuitBreakerLogic } from '../../src/actors/circuit-breaker.ts'
import { syncLogic } from '../../src/actors/sync.ts'
import { taskLogic } from '../../src/actors/task.ts'
import { workerLogic } from '../../src/actors/worker.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const ignore = () => {}
const clock = createVirtualClock()
const random = createSeededRandom(1)
const store = {
  features: { compareAndSet: true, atomicUnit: true, watch: 'push', reach: 'process', durability: 'none' },
  commit: async () => [],
  watch: async function* () {},
} as const

/** A bound chart, compiled or not. */
type Logic = AnyStateMachine | { readonly machine: AnyStateMachine }

const charts: readonly [name: string, chart: AnyStateMachine, bound: () => Logic][] = [
  [
    'task',
    taskMachine,
    () => {
      const handlers = { startHandler: ignore, abortHandler: ignore, endHandler: ignore, renewed: ignore }
      const now = () => ({ wallMs: 0, bootId: null, monotonicMs: 0 })
      return taskLogic({ ...handlers, remember: ignore, rest: ignore, now })
    },
  ],
  [
    'worker',
    workerMachine,
    () =>
      workerLogic({
        remember: ignore,
        clock,
        heartbeatIntervalMs: 1000,
        keepAlive: false,
        nowMs: () => 0,
        askForTasks: ignore,
      }),
  ],
  ['batch writer', batchWriterMachine, () => new BatchWriter({ store, clock, random, observe: ignore, report: ignore }).logic()],
  ['circuit breaker', circuitBreakerMachine, () => circuitBreakerLogic({ announce: ignore })],
  ['sync', syncMachine, () => syncLogic({ store, random, dispatch: ignore, announce: ignore, report: ignore })],
]

/** The names of the actions that a chart uses; those that are functions (`assign`, `raise`) are its own affair. */
function effectNames(part: unknown): string[] {
  if (part === null || typeof part !== 'object') return []
  if (Array.isArray(part)) return part.flatMap(effectNames)
  return Object.entries(part).flatMap(([member, value]) =>
    ['entry', 'exit', 'actions'].includes(member)
      ? [value].flat().flatMap((action) => (typeof action === 'string' ? [action] : (action?.type ?? [])))
      : effectNames(value),
  )
}

const plainNames = (config: unknown) => [...new Set(effectNames(JSON.parse(JSON.stringify(config))))].sort()

describe.each(charts)('the effects of the %s chart', (_, chart, bound) => {
  it('each have a placeholder, and none is without use', () => {
    expect(unboundEffects(chart.implementations.actions).sort()).toEqual(plainNames(chart.config))
  })

  it('are all bound by the hands of the chart', () => {
    const logic = bound()
    const machine = 'machine' in logic ? logic.machine : logic
    expect(unboundEffects(machine.implementations.actions)).toEqual([])
    expect(Object.keys(machine.implementations.actions).sort()).toEqual(plainNames(chart.config))
    expect(machine.config).toBe(chart.config)
  })
})

describe('a chart with an effect that nobody provides', () => {
  it('is refused before it starts, by name', () => {
    expect(() => assertBound(taskMachine.provide({ actions: { remember: ignore, rest: ignore } }))).toThrow(
      expect.objectContaining({
        code: 'invalid_option',
        message: expect.stringMatching(/"task".*startHandler, abortHandler, endHandler/),
      }),
    )
  })

  it('is not confused with one whose effects do nothing', () => {
    expect(unboundEffects({ quiet: ignore, missing: effect<object>() })).toEqual(['missing'])
    expect(unboundEffects({})).toEqual([])
  })
})

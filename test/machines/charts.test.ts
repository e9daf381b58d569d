/** What holds for every chart: editors and drawing tools read nothing but the literal. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type AnyStateMachine, type AnyStateNode, createMachine } from 'xstate'
import { type BatchWriterEvent, batchWriterMachine } from '../../machines/batch-writer.ts'
import { type CircuitBreakerEvent, circuitBreakerMachine } from '../../machines/circuit-breaker.ts'
import { type LockEvent, type LockState, lockMachine } from '../../machines/lock.ts'
import { type SyncEvent, syncMachine } from '../../machines/sync.ts'
import { type TaskEvent, type TaskState, taskMachine } from '../../machines/task.ts'
import { type WorkerEvent, type WorkerState, workerMachine } from '../../machines/worker.ts'

/** Every member of a union by name: the compiler finds one that is missing here. */
const taskEvents: Record<TaskEvent['type'], true> = {
  'task.claim': true,
  'task.cancel': true,
  'task.progress': true,
  'task.complete': true,
  'task.fail': true,
  'timeout.elapsed': true,
  'lease.due': true,
  'lease.over': true,
  'drain.elapsed': true,
  'owner.lost': true,
  'delay.elapsed': true,
  'dependencies.completed': true,
  'dependency.failed': true,
  'record.changed': true,
  'write.committed': true,
  'write.refused': true,
  'write.failed': true,
}

const workerEvents: Record<WorkerEvent['type'], true> = {
  'task.assigned': true,
  'task.ended': true,
  'heartbeat.due': true,
  'worker.drain': true,
  'worker.stop': true,
  'write.committed': true,
  'write.refused': true,
  'write.failed': true,
}

const batchWriterEvents: Record<BatchWriterEvent['type'], true> = {
  'write.submit': true,
  'flush.due': true,
  'commit.settled': true,
  'commit.failed': true,
  'breaker.opened': true,
  'breaker.halfOpened': true,
  'breaker.closed': true,
  'writer.drain': true,
}

const circuitBreakerEvents: Record<CircuitBreakerEvent['type'], true> = {
  'call.succeeded': true,
  'call.failed': true,
  'breaker.reset': true,
}

const syncEvents: Record<SyncEvent['type'], true> = {
  'feed.changed': true,
  'feed.caughtUp': true,
  'feed.reset': true,
  'feed.lost': true,
  'sync.stop': true,
}

const lockEvents: Record<LockEvent['type'], true> = {
  'lock.acquire': true,
  'lock.abandon': true,
  'lock.release': true,
  'record.seen': true,
  'record.changed': true,
  'look.failed': true,
  'try.due': true,
  'lease.due': true,
  'lease.over': true,
  'write.committed': true,
  'write.refused': true,
  'write.failed': true,
}

const lockStates: Record<LockState, true> = {
  free: true,
  looking: true,
  waiting: true,
  acquiring: true,
  held: true,
  renewing: true,
  releasing: true,
  released: true,
  lost: true,
  refused: true,
}

const taskStates: Record<TaskState, true> = {
  pending: true,
  blocked: true,
  backingOff: true,
  claiming: true,
  processing: true,
  settling: true,
  completed: true,
  failed: true,
  cancelled: true,
  lost: true,
}

const workerStates: Record<WorkerState, true> = {
  starting: true,
  idle: true,
  busy: true,
  saturated: true,
  draining: true,
  leaving: true,
  offline: true,
}

const charts: readonly [name: string, chart: AnyStateMachine, events: object][] = [
  ['task', taskMachine, taskEvents],
  ['worker', workerMachine, workerEvents],
  ['lock', lockMachine, lockEvents],
  ['batch-writer', batchWriterMachine, batchWriterEvents],
  ['circuit-breaker', circuitBreakerMachine, circuitBreakerEvents],
  ['sync', syncMachine, syncEvents],
]

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values<AnyStateNode>(node.states).flatMap(nodesOf)]
}

/** All that a drawing shows of a chart: states, and where events lead. */
function drawing(chart: AnyStateMachine): unknown {
  return nodesOf(chart.root).map(({ id, type, tags, description, transitions, always, config }) => {
    const rows = [...[...transitions.values()].flat(), ...(always ?? [])]
    const arrows = rows.map(({ eventType, target, reenter, guard, description: text }) => {
      const guardName = typeof guard === 'object' ? guard.type : guard
      return { eventType, target: target?.map(({ id: to }) => to), reenter, guard: guardName, text }
    })
    return { id, type, tags, description, initial: config.initial, arrows }
  })
}

describe.each(charts)('the chart %s', (name, chart, events) => {
  const source = readFileSync(new URL(`../../machines/${name}.ts`, import.meta.url), 'utf8')
  const literal = source.slice(source.indexOf('}).createMachine({'), source.indexOf('\n})\n', source.indexOf('.createMachine(')))
  const eventNames = [...new Set(nodesOf(chart.root).flatMap(({ config }) => Object.keys(config.on ?? {})))]

  it('is drawn the same from its JSON as from its source', () => {
    const read: AnyStateMachine = createMachine(JSON.parse(JSON.stringify(chart.config)))
    expect(drawing(read)).toEqual(drawing(chart))
    expect(read.id).toBe(name)
  })

  it('has every state, target and event as a literal in one place', () => {
    expect(literal).not.toMatch(/\n\s*\[[^\]]+\]:/)
    for (const { key } of nodesOf(chart.root).slice(1)) expect(literal).toMatch(new RegExp(`\\n\\s+${key}: \\{`))
    for (const event of eventNames) expect(literal).toContain(`'${event}':`)
  })

  it('takes every event of its union somewhere, and no other', () => {
    expect(eventNames.sort()).toEqual(Object.keys(events).sort())
  })

  it('names its events noun.verb, and none like one of XState', () => {
    for (const event of eventNames) {
      expect(event).toMatch(/^[a-z]+\.[a-z][a-zA-Z]*$/)
      expect(event).not.toMatch(/^xstate\./)
    }
  })

  it('has final states that nothing leaves and that write nothing', () => {
    for (const { type, transitions, always = [], entry, exit, id } of nodesOf(chart.root)) {
      if (type !== 'final') continue
      expect([...transitions.keys(), ...always, ...exit], id).toEqual([])
      expect(JSON.stringify(entry), id).not.toContain('remember')
    }
  })

  it('keeps its context as plain JSON', () => {
    const context: unknown = chart.config.context
    const input = { record: { id: 't' }, revision: 1, version: {}, prefix: 'p' }
    const first = typeof context === 'function' ? context({ input }) : context
    expect(JSON.parse(JSON.stringify(first))).toEqual(first)
  })
})

describe('the states that others name', () => {
  it('are those of the charts', () => {
    expect(Object.keys(taskMachine.states).sort()).toEqual(Object.keys(taskStates).sort())
    expect(Object.keys(workerMachine.states).sort()).toEqual(Object.keys(workerStates).sort())
    expect(Object.keys(lockMachine.states).sort()).toEqual(Object.keys(lockStates).sort())
  })
})

/** `AgentCoordinator`: what agents are told, when all are done, and that nothing is left behind however it ends. */
import { getEventListeners } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { AgentCoordinator, type CoordinationOptions, coordinatedAgentsMax } from '../../src/helpers/agent-coordinator.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { FakeAgentHost } from './agent-host.ts'

const hosts: FakeAgentHost[] = []
const clock = createVirtualClock()

/** A coordination that is under way. */
function begin(agents: readonly string[] = ['a', 'b'], options: CoordinationOptions = {}, host = new FakeAgentHost()) {
  hosts.push(host)
  const coordinator = new AgentCoordinator(host, { clock })
  const done = coordinator.coordinateAgents('t', agents, options)
  done.catch(() => {})
  let outcome = 'waiting'
  done.then(
    () => {
      outcome = 'completed'
    },
    () => {
      outcome = 'rejected'
    },
  )
  const end = (agentId: string, more: object = {}) => host.commit('t', agentId, { status: 'completed', ...more })
  return { host, done, end, outcome: () => outcome }
}

// A3, after every test: whatever happened in it, nothing is left.
afterEach(async () => {
  await clock.settle()
  for (const host of hosts.splice(0)) {
    expect(host.subscriptions).toBe(0)
    expect(host.listenerCount('shutdown')).toBe(0)
  }
  expect(clock.pending).toBe(0)
})

test('each agent is told its role and the common context', async () => {
  const { host, done, end } = begin(['a', 'b'], { context: { goal: 'ship it' }, roleOf: (id) => `role of ${id}` })
  await clock.settle()
  const context = { taskId: 't', agents: ['a', 'b'], sharedState: {}, startedAt: clock.wallMs(), goal: 'ship it' }
  expect([...host.documents]).toEqual([
    ['task-sentinel/tasks/t/agents/a', { role: 'role of a', context, status: 'ready', timestamp: 0 }],
    ['task-sentinel/tasks/t/agents/b', { role: 'role of b', context, status: 'ready', timestamp: 0 }],
  ])
  end('a')
  end('b')
  await done
})

test('it ends when the last agent has completed, with what each wrote, and asks nobody twice', async () => {
  const { host, done, end, outcome } = begin()
  let reads = 0
  host.beforeRead = () => {
    reads++
  }
  await clock.settle()
  end('b', { result: 2 })
  host.commit('t', 'a', { status: 'working', percent: 50 })
  await clock.settle()
  expect(outcome()).toBe('waiting')
  end('a', { result: 1 })
  await expect(done).resolves.toEqual({ a: { status: 'completed', result: 1 }, b: { status: 'completed', result: 2 } })
  expect(reads).toBe(2)
})

test('a subclass gives roles of its own, as the guide’s does', async () => {
  class Coordinator extends AgentCoordinator {
    protected override getAgentRole(agentId: string): string {
      return agentId === 'a' ? 'lead' : 'reviewer'
    }
  }
  const host = new FakeAgentHost('elsewhere')
  hosts.push(host)
  const done = new Coordinator(host, { clock }).coordinateAgents('t', ['a', 'b'])
  await clock.settle()
  expect([...host.documents.values()]).toMatchObject([{ role: 'lead' }, { role: 'reviewer' }])
  for (const agentId of ['a', 'b']) host.commit('t', agentId, { status: 'completed' })
  await done
})

test('what an earlier round left behind is no answer', async () => {
  const host = new FakeAgentHost()
  for (const agentId of ['a', 'b']) host.commit('t', agentId, { status: 'completed', from: 'yesterday' })
  const { done, end, outcome } = begin(['a', 'b'], {}, host)
  await clock.settle()
  expect(outcome()).toBe('waiting')
  end('a')
  end('b')
  await expect(done).resolves.toEqual({ a: { status: 'completed' }, b: { status: 'completed' } })
})

test.each(['while the documents are written', 'while they are read', 'after they were read'])(
  'an answer that comes %s is not missed',
  async (when) => {
    const host = new FakeAgentHost()
    if (when === 'while the documents are written') host.afterWrite = (id) => host.commit('t', id, { status: 'completed' })
    // The read gives what was there before; only the subscription can tell.
    if (when === 'while they are read') host.beforeRead = (id) => host.commit('t', id, { status: 'completed' })
    const { done, end } = begin(['a', 'b'], {}, host)
    if (when === 'after they were read') {
      await clock.settle()
      end('a')
      end('b')
    }
    await expect(done).resolves.toEqual({ a: { status: 'completed' }, b: { status: 'completed' } })
  },
)

test('an agent that has completed may change or delete its document while others still work', async () => {
  const { host, done, end } = begin()
  await clock.settle()
  end('a', { result: 1 })
  await clock.settle()
  host.commit('t', 'a', { status: 'idle' })
  host.commit('t', 'a', { status: 'failed' })
  await clock.settle()
  end('b')
  await expect(done).resolves.toMatchObject({ a: { result: 1 } })
})

test('documents of other agents, below an agent, and without a status are passed over', async () => {
  const { host, done, end, outcome } = begin(['a'])
  await clock.settle()
  for (const other of ['z', 'a/notes', '']) host.commit('t', other, { status: 'failed' })
  host.commit('t', 'a', null)
  host.commit('t', 'a', 'completed')
  await clock.settle()
  expect(outcome()).toBe('waiting')
  end('a')
  await done
})

test('one agent that fails ends it at once, with its name and its error', async () => {
  const { host, done } = begin()
  await clock.settle()
  host.commit('t', 'b', { status: 'failed', error: 'out of tokens' })
  await expect(done).rejects.toMatchObject({
    code: 'task_failed',
    message: 'agent "b" of task "t" failed: out of tokens',
    key: 'task-sentinel/tasks/t/agents/b',
    cause: 'out of tokens',
  })
})

test('an abort ends it, and says who was still awaited', async () => {
  const abort = new AbortController()
  const { done, end } = begin(['a', 'b', 'c'], { signal: abort.signal, timeoutMs: 1000 })
  await clock.settle()
  end('b')
  await clock.settle()
  abort.abort('enough')
  await expect(done).rejects.toMatchObject({
    code: 'aborted',
    message: 'waiting for agents was aborted by its signal; of the 3 agents of task "t", 2 had not completed: "a", "c"',
    cause: 'enough',
  })
})

test('a signal that was aborted before tells no agent anything', async () => {
  const { host, done } = begin(['a', 'b'], { signal: AbortSignal.abort() })
  await expect(done).rejects.toMatchObject({ code: 'aborted' })
  expect(host.documents.size).toBe(0)
  expect(host.subscribed).toBe(0)
})

test('a signal that outlives the call keeps no listener of it', async () => {
  const abort = new AbortController()
  const { done, end } = begin(['a'], { signal: abort.signal })
  await clock.settle()
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
  end('a')
  await done
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
})

test('an abort while the documents are written begins no further one', async () => {
  const abort = new AbortController()
  const host = new FakeAgentHost()
  let writes = 0
  host.afterWrite = () => {
    if (++writes === 10) abort.abort()
  }
  const agents = Array.from({ length: 500 }, (_, index) => `agent-${index}`)
  const { done } = begin(agents, { signal: abort.signal }, host)
  await expect(done).rejects.toMatchObject({ code: 'aborted' })
  await clock.settle()
  expect(host.documents.size).toBeLessThan(100)
})

test('an abort does not wait for a write that hangs', async () => {
  const abort = new AbortController()
  const host = new FakeAgentHost()
  host.afterWrite = () => new Promise(() => {})
  const { done } = begin(['a'], { signal: abort.signal }, host)
  await clock.settle()
  abort.abort()
  await expect(done).rejects.toMatchObject({ code: 'aborted' })
})

test('the timeout counts from the call', async () => {
  const { done, outcome } = begin(['a'], { timeoutMs: 500 })
  await clock.advance(499)
  expect(outcome()).toBe('waiting')
  await clock.advance(1)
  await expect(done).rejects.toMatchObject({
    code: 'aborted',
    message: '500 ms are over; of the 1 agents of task "t", 1 had not completed: "a"',
  })
})

test('the manager’s shutdown ends every wait, and many waits add one listener', async () => {
  const host = new FakeAgentHost()
  const waits = Array.from({ length: 20 }, () => begin(['a'], {}, host))
  await clock.settle()
  expect(host.listenerCount('shutdown')).toBe(1)
  host.emit('shutdown')
  for (const { done } of waits) await expect(done).rejects.toMatchObject({ code: 'closed' })
})

test('a wait hears of the shutdown also when others of the same manager came and went before', async () => {
  const host = new FakeAgentHost()
  const first = begin(['a'], {}, host)
  await clock.settle()
  first.end('a')
  await first.done
  const second = begin(['a'], {}, host)
  await clock.settle()
  host.emit('shutdown')
  await expect(second.done).rejects.toMatchObject({ code: 'closed' })
})

test('a manager that tells nothing of its shutdown will do as well', async () => {
  const host = new FakeAgentHost()
  hosts.push(host)
  const { namespace } = host
  const quiet = {
    namespace,
    syncAgentCoordination: host.syncAgentCoordination.bind(host),
    getAgentCoordination: host.getAgentCoordination.bind(host),
    subscribe: host.subscribe.bind(host),
    unsubscribe: host.unsubscribe.bind(host),
  }
  const done = new AgentCoordinator(quiet, { clock }).coordinateAgents('t', ['a'])
  await clock.settle()
  host.commit('t', 'a', { status: 'completed' })
  await expect(done).resolves.toEqual({ a: { status: 'completed' } })
})

test.each(['write', 'read', 'subscription'])('a failed %s is the call’s failure', async (what) => {
  const host = new FakeAgentHost()
  const fail = (): never => {
    throw new Error('the store is away')
  }
  if (what === 'write') host.afterWrite = fail
  if (what === 'read') host.beforeRead = fail
  if (what === 'subscription') host.subscribe = fail
  await expect(begin(['a', 'b'], { timeoutMs: 1000 }, host).done).rejects.toThrow('the store is away')
})

test.each([
  [[], 'agents must be an array of at least one agent id, got []'],
  [['a', 'b', 'a'], 'agent "a" is named twice'],
  [['a', 'b/c'], 'agent id "b/c"'],
  [Array.from({ length: coordinatedAgentsMax + 1 }, (_, index) => `${index}`), 'split them over several tasks'],
])('wrong agents are refused before anything is written', async (agents, message) => {
  const { host, done } = begin(agents)
  await expect(done).rejects.toThrow(message)
  expect(host.documents.size).toBe(0)
})

test('a wrong timeout, and a role that cannot be told, are refused before anything is written', async () => {
  const wrongTimeout = begin(['a'], { timeoutMs: 0 })
  await expect(wrongTimeout.done).rejects.toThrow('timeoutMs must be milliseconds of more than 0, got 0')
  const roleOf = (agentId: string): string => {
    if (agentId === 'b') throw new Error('no role for b')
    return 'lead'
  }
  const noRole = begin(['a', 'b'], { roleOf })
  await expect(noRole.done).rejects.toThrow('no role for b')
  for (const { host } of [wrongTimeout, noRole]) expect(host.documents.size).toBe(0)
})

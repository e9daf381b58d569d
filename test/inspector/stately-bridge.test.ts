import { createInspector } from '@xstate/inspect'
import { expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { createRuntime } from '../../src/index.ts'
import { bridgeToStately } from '../../src/inspector/stately-bridge.ts'
import { silentLogger } from '../../src/ports/logger.ts'

type Sent = { readonly type: string; readonly [member: string]: unknown }

/** Their inspector tells everything in a later turn. */
const told = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

it('Stately’s inspector is told of who lives, with their charts, and of every event; until the end', async () => {
  const runtime = createRuntime({ store: 'memory:', logger: silentLogger })
  await runtime.ready()
  runtime.spawnWorker({ id: 'w', handlers: { greet: async () => 'hello' } })
  await (await runtime.submit({ id: 'before', type: 'greet' })).result()

  const sent: Sent[] = []
  const inspector = createInspector({ send: (event) => void sent.push(event as unknown as Sent) })
  const stop = bridgeToStately(runtime, inspector)
  await told()
  const registered = () => sent.filter(({ type }) => type === '@xstate.actor')
  expect(registered().map(({ name }) => name)).toEqual(
    expect.arrayContaining(['runtime', 'batch-writer', 'circuit-breaker', 'sync', 'worker/w']),
  )
  const [root, ...others] = registered()
  expect(root).toMatchObject({ name: 'runtime' })
  for (const { parentId, rootId } of others)
    expect({ parentId, rootId }).toEqual({ parentId: root?.sessionId, rootId: root?.sessionId })
  const worker = registered().find(({ name }) => name === 'worker/w')
  const definition = JSON.parse(String(worker?.definition)) as { id: string; states: object }
  expect(definition.id).toBe('worker')
  expect(Object.keys(definition.states)).toEqual(expect.arrayContaining(['idle', 'busy', 'draining']))
  expect(worker?.snapshot).toMatchObject({ value: 'idle', status: 'active' })

  await (await runtime.submit({ id: 't1', type: 'greet' })).result()
  await told()
  const task = registered().find(({ name }) => name === 'task/t1')
  // A compiled chart is told as the chart that it was compiled from, which their page draws.
  const taskChart = JSON.parse(String(task?.definition)) as { id: string; states: Record<string, object> }
  expect(Object.keys(taskChart.states)).toContain('processing')
  expect(() => createMachine(taskChart as never)).not.toThrow()
  const events = sent.filter(({ type, sessionId }) => type === '@xstate.event' && sessionId === task?.sessionId)
  expect(events.map(({ event }) => (event as { type: string }).type)).toEqual(
    expect.arrayContaining(['task.claim', 'write.committed', 'task.complete']),
  )
  const snapshots = sent.filter(({ type, sessionId }) => type === '@xstate.snapshot' && sessionId === task?.sessionId)
  expect(snapshots.map(({ snapshot }) => (snapshot as { value: string }).value)).toContain('completed')

  stop()
  await told()
  const before = sent.length
  await (await runtime.submit({ id: 't2', type: 'greet' })).result()
  await told()
  expect(sent).toHaveLength(before)
  await runtime.shutdown()
})

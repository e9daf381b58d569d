import { afterEach, describe, expect, it } from 'vitest'
import { createRuntime, type Runtime } from '../../src/index.ts'
import type { LogFields, Logger } from '../../src/ports/logger.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { InspectorAction } from '../../src/wire/inspector-api.ts'
import { InspectorFixture, type Served } from './inspector-fixture.ts'

const fixture = new InspectorFixture()
afterEach(() => fixture.end())

interface Acting extends Served {
  readonly runtime: Runtime
  /** What the log was told of actions. */
  readonly log: LogFields[]
  do(action: InspectorAction): Promise<{ readonly status: number; readonly answer: unknown }>
}

async function acting(): Promise<Acting> {
  const log: LogFields[] = []
  const logger: Logger = { ...silentLogger, info: (_message, fields) => void log.push(fields ?? {}) }
  const served = await fixture.serve({ allowActions: true, logger })
  const page = await served.stream()
  await page.until(({ signs }) => signs.includes('live'))
  const perform = async (action: InspectorAction) => {
    const { status, text } = await served.act(action)
    return { status, answer: JSON.parse(text) as unknown }
  }
  return { ...served, log, do: perform }
}

const refused = (code: string, message: RegExp | string = '') => ({
  answer: {
    error: { code, message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message) },
  },
})

describe('without leave', () => {
  it('nothing is done, whatever is asked', async () => {
    const { act, runtime, stream } = await fixture.serve()
    await runtime.submit({ id: 't1', type: 'x' })
    await (await stream()).until(({ signs }) => signs.includes('live'))
    const actions: InspectorAction[] = [
      { type: 'task.cancel', task: 't1', reason: 'no' },
      { type: 'actor.send', source: runtime.incarnation, address: 'task/t1', event: { type: 'task.cancel' } },
    ]
    for (const action of actions) {
      const { status, text } = await act(action)
      expect(status).toBe(403)
      expect(JSON.parse(text)).toMatchObject({ error: { message: expect.stringContaining('--allow-actions') } })
    }
    expect((await runtime.task('t1').record())?.status).toBe('pending')
  })
})

describe('with leave', () => {
  it('a waiting task is cancelled, and an ended one is a conflict', async () => {
    const page = await acting()
    await page.runtime.submit({ id: 't1', type: 'x' })
    const cancel = { type: 'task.cancel', task: 't1', reason: 'wrong model' } as const
    expect(await page.do(cancel)).toMatchObject({ status: 200, answer: { ok: true, message: 'task t1 is cancelled' } })
    expect(await page.runtime.task('t1').record()).toMatchObject({ status: 'cancelled', cancelRequested: 'wrong model' })
    expect(await page.do(cancel)).toMatchObject({ status: 409, ...refused('conflict', 'is cancelled already') })
    expect(await page.do({ ...cancel, task: 'none' })).toMatchObject({ status: 404, ...refused('invalid_key') })
  })

  it('a dead letter runs again', async () => {
    const page = await acting()
    let runs = 0
    page.runtime.spawnWorker({ handlers: { flaky: async () => (++runs === 1 ? Promise.reject(new Error('first')) : 'done') } })
    const task = await page.runtime.submit({ id: 't1', type: 'flaky', maxAttempts: 1 })
    await expect(task.result()).rejects.toMatchObject({ code: 'task_failed' })
    expect((await page.do({ type: 'task.replay', task: 't1' })).status).toBe(200)
    expect(await page.runtime.task('t1').result()).toBe('done')
    expect(await page.do({ type: 'task.replay', task: 'none' })).toMatchObject({ status: 404 })
  })

  it('a task that is backing off is claimed at once, with the attempts that it has', async () => {
    const page = await acting()
    let runs = 0
    page.runtime.spawnWorker({ handlers: { flaky: async () => (++runs === 1 ? Promise.reject(new Error('first')) : 'done') } })
    const task = await page.runtime.submit({ id: 't1', type: 'flaky', backoff: { baseMs: 3_600_000, maxMs: 3_600_000 } })
    for await (const { status, attempts } of task.watch()) if (status === 'pending' && attempts === 1) break
    expect(await page.do({ type: 'task.retry', task: 't1' })).toMatchObject({ status: 200 })
    expect(await task.result()).toBe('done')
    expect(await task.record()).toMatchObject({ attempts: 2, epoch: 2 })
    expect(await page.do({ type: 'task.retry', task: 't1' })).toMatchObject({
      status: 409,
      ...refused('conflict', 'is completed'),
    })
    await page.runtime.submit({ id: 't2', type: 'nobody' })
    expect(await page.do({ type: 'task.retry', task: 't2' })).toMatchObject(refused('conflict', 'waits for no time'))
  })

  it('a delayed task, whose time has not come, too', async () => {
    const page = await acting()
    page.runtime.spawnWorker({ handlers: { greet: async () => 'hello' } })
    const task = await page.runtime.submit({ id: 't1', type: 'greet', delayMs: 3_600_000 })
    expect((await page.do({ type: 'task.retry', task: 't1' })).status).toBe(200)
    expect(await task.result()).toBe('hello')
  })

  it('a lock is freed by force: the holder’s guarded writes are refused from then on', async () => {
    const page = await acting()
    const lock = await page.runtime.lock('nightly')
    const key = 'task-sentinel/locks/nightly'
    expect(await page.do({ type: 'lock.release', key })).toMatchObject({ status: 200 })
    if (lock === null) throw new Error('the lock was free')
    await expect(page.runtime.memory.set('report', 1, { lock })).rejects.toMatchObject({ code: 'lock_lost' })
    expect(await page.do({ type: 'lock.release', key: 'task-sentinel/locks/none' })).toMatchObject({ status: 404 })
    expect(await page.do({ type: 'lock.release', key: 'other/key' })).toMatchObject(refused('invalid_key', 'no key of a lock'))
  })

  it('events reach actors by the rules of the runtime', async () => {
    const page = await acting()
    const { runtime } = page
    const source = runtime.incarnation
    runtime.spawnWorker({ id: 'w', driven: true })
    await runtime.submit({ id: 't1', type: 'x' })
    for await (const { status } of runtime.task('t1').watch()) if (status === 'processing') break
    const sent = (address: string, event: { type: string; [member: string]: never | string }) =>
      page.do({ type: 'actor.send', source, address, event })
    expect((await sent('task/t1', { type: 'task.complete', output: 'by hand' })).status).toBe(200)
    expect(await runtime.task('t1').result()).toBe('by hand')
    expect(await sent('worker/w', { type: 'xstate.stop' })).toMatchObject({
      status: 400,
      ...refused('invalid_option', 'reserved'),
    })
    expect((await sent('nobody/here', { type: 'x' })).status).toBe(409)
    expect(await page.do({ type: 'actor.send', source: 'gone', address: 'worker/w', event: { type: 'x' } })).toMatchObject(
      refused('not_supported', 'cannot be reached'),
    )
    expect((await page.do({ type: 'worker.drain', source, worker: 'w' })).status).toBe(200)
  })

  it('what is no action is refused, and changes nothing', async () => {
    const page = await acting()
    await page.runtime.submit({ id: 't1', type: 'x' })
    for (const given of [
      null,
      [],
      'task.cancel',
      { type: 'task.cancel' },
      { type: 'task.cancel', task: 't1', reason: 7 },
      { type: 'task.cancel', task: 't1', reason: 'r', more: 1 },
      { type: 'task.delete', task: 't1' },
      { type: 'actor.send', source: 's', address: 'a', event: { type: 7 } },
      { type: '__proto__' },
    ]) {
      const { status, text } = await page.act(given)
      expect(status, JSON.stringify(given)).toBe(400)
      expect(JSON.parse(text)).toMatchObject({ error: { code: expect.stringMatching(/^invalid_/) } })
    }
    expect((await page.runtime.task('t1').record())?.status).toBe('pending')
    expect(page.log).toEqual([])
  })

  it('each is a line of the log, with what came of it and without values', async () => {
    const page = await acting()
    await page.runtime.submit({ id: 't1', type: 'x' })
    await page.do({ type: 'task.cancel', task: 't1', reason: 'a secret reason' })
    await page.do({
      type: 'actor.send',
      source: 'gone',
      address: 'task/t1',
      event: { type: 'task.complete', output: 'a secret' },
    })
    expect(page.log).toEqual([
      { action: 'task.cancel', task: 't1', outcome: 'ok' },
      { action: 'actor.send', source: 'gone', address: 'task/t1', event: 'task.complete', outcome: 'not_supported' },
    ])
  })
})

describe('another process', () => {
  it('is heard while a page is connected, and sent to where actions are allowed', async () => {
    const other = createRuntime({ store: 'memory:actions', workerId: 'other', logger: silentLogger })
    fixture.onEnd(() => other.shutdown({ drainMs: 0 }))
    await other.ready()
    other.spawnWorker({ id: 'far', driven: true })
    const served = await fixture.serve({ allowActions: true, others: true }, { store: 'memory:actions', workerId: 'one' })
    const page = await served.stream()
    await page.record(
      (record) => record.type === 'actor' && record.source === other.incarnation && record.address === 'worker/far',
    )
    await other.submit({ id: 't1', type: 'x' })
    const source = other.incarnation
    await page.record((record) => record.type === 'actor' && record.source === source && record.address === 'task/t1')
    const complete = { type: 'actor.send', source, address: 'task/t1', event: { type: 'task.complete', output: 1 } }
    expect(await served.act(complete)).toMatchObject({ status: 200 })
    expect(await served.runtime.task('t1').result()).toBe(1)
    await page.record((record) => record.type === 'transition' && record.source === source && record.to === 'completed')
    expect(await served.act({ type: 'worker.drain', source, worker: 'far' })).toMatchObject({ status: 200 })
  })

  it('is only looked at where they are not', async () => {
    const other = createRuntime({ store: 'memory:looked-at', workerId: 'other', logger: silentLogger })
    fixture.onEnd(() => other.shutdown({ drainMs: 0 }))
    await other.ready()
    const served = await fixture.serve({ others: true }, { store: 'memory:looked-at', workerId: 'one' })
    const page = await served.stream()
    await page.record((record) => record.type === 'source' && record.source === other.incarnation)
    // Not even for those who find its address in memory.
    const announcement = await other.memory.get<{ url: string; token: string }>('task-sentinel/workers/other/inspector')
    if (announcement === null) throw new Error('nothing is announced')
    const sent = await fetch(announcement.url.replace(/trace$/, 'send'), {
      method: 'POST',
      headers: { authorization: `Bearer ${announcement.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ address: 'circuit-breaker', event: { type: 'breaker.reset' } }),
    })
    expect(sent.status).toBeGreaterThanOrEqual(400)
    // Nor does the page learn of it.
    const { text } = await served.get('/api/entry?key=task-sentinel%2Fworkers%2Fother%2Finspector')
    expect(text).toContain(announcement.url)
    const whole = await page.record((record) => record.type === 'change' && record.key.endsWith('/other/inspector'))
    expect([text, JSON.stringify(whole)].some((told) => told.includes(announcement.token))).toBe(false)
  })
})

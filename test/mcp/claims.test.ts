/** Whoever does a task's work over MCP: claims it under a lease that nobody else renews, reports on it, and ends it once. */
import { describe, expect, test } from 'vitest'
import { type Answer, type Claim, claim, claimed, statusOf, submit, twoClients } from './tool-harness.ts'

describe('task_claim', () => {
  test('registers the client as a worker that everybody sees', async () => {
    const { first, clock } = await twoClients()
    const { worker, task } = await claim(first)
    expect(task).toBe(null)
    expect(worker).toMatch(/^mcp-first-\w+$/)
    await clock.advance(10)
    const { workers } = await first.call<{ workers: Answer[] }>('worker_list')
    expect(workers).toMatchObject([{ id: worker, state: 'active', isAlive: true, types: null, running: 0 }])
  })

  test('tells a model how to go on', async () => {
    const { first } = await twoClients()
    expect(await first.text('task_claim')).toMatch(/No task is ready.*waitMs/)
    await submit(first, 'a', { input: 'page 1' })
    const text = await first.text('task_claim', { leaseMs: 5000 })
    expect(text).toContain('"page 1"')
    expect(text).toMatch(/Before 5000 ms are over.*task_progress.*worker_heartbeat/)
    expect(text).toMatch(/task_complete with {"id":"a","epoch":1} and output/)
    expect(text).toMatch(/task_fail.*isFinal/)
    expect(text).toMatch(/claim_lost: stop/)
  })

  test('waits as long as it was told', async () => {
    const { first, second, run, clock } = await twoClients()
    const waiting = first.begin<Claim>('task_claim', { waitMs: 25_000 })
    await clock.advance(20_000)
    await submit(second, 'a')
    expect((await run(waiting)).task?.id).toBe('a')
  })

  test('gives each task to one of many who ask at once', async () => {
    const { first, second, run } = await twoClients()
    const asked = [first, second, first, second].map((caller) => caller.begin<Claim>('task_claim', { waitMs: 5000 }))
    for (const id of ['a', 'b', 'c']) await submit(first, id)
    const ids = (await run(Promise.all(asked))).map(({ task }) => task?.id ?? null)
    expect(ids.toSorted()).toEqual(['a', 'b', 'c', null])
  })

  test('takes only the types that were asked for; later claims without types are for those of the first', async () => {
    const { first } = await twoClients()
    await submit(first, 'r', { type: 'review' })
    await submit(first, 't', { type: 'translate' })
    expect((await claimed(first, { types: ['translate'] })).id).toBe('t')
    expect((await claim(first)).task).toBe(null)
    expect((await claimed(first, { types: ['review', 'translate'] })).id).toBe('r')
  })

  test('refuses more sets of types than a client may take', async () => {
    const { first } = await twoClients()
    for (let index = 0; index < 10; index++) await claim(first, { types: [`t${index}`] })
    const refusal = await first.refused('task_claim', { types: ['one-more'] })
    expect(refusal.code).toBe('backpressure')
    expect((await claim(first, { types: ['t3', 't3'] })).task).toBe(null)
  })

  test('refuses more tasks than a client may hold', async () => {
    const { first } = await twoClients({ server: { limits: { holdingsMax: 2 } } })
    for (const id of ['a', 'b', 'c']) await submit(first, id)
    await claimed(first)
    await claimed(first)
    expect((await first.refused('task_claim')).code).toBe('backpressure')
    await first.call('task_complete', { id: 'a' })
    expect((await claimed(first)).id).toBe('c')
  })

  test('that nobody waits for any more takes no task', async () => {
    const { first, second, connect, run, clock } = await twoClients()
    const third = await connect('third')
    const cancelled = new AbortController()
    const asked = [first.begin('task_claim', { waitMs: 25_000 }, cancelled.signal), third.begin('task_claim', { waitMs: 25_000 })]
    for (const each of asked) each.catch(() => {})
    await clock.advance(1000)
    cancelled.abort('enough')
    await third.leave()
    await run(Promise.allSettled(asked))
    await submit(second, 'a')
    await clock.advance(1000)
    expect(await statusOf(second, 'a')).toBe('pending')
    expect((await claimed(second)).attempt).toBe(1)
  })
})

describe('the lease of a task', () => {
  test('lasts as long as its client reports', async () => {
    const { first, join, clock, run, runtime } = await twoClients()
    join().runtime.spawnWorker({ handlers: { review: () => 'by another' }, id: 'other' })
    await clock.advance(10)
    await submit(first, 'b', { type: 'mine' })
    await claimed(first, { leaseMs: 20_000, types: ['mine'] })
    for (let round = 1; round <= 5; round++) {
      await clock.advance(15_000)
      const told = await first.call('task_progress', { id: 'b', percent: round * 20, note: `page ${round}` })
      expect(told).toEqual({ id: 'b', epoch: 1, leaseMs: 20_000, leaseLeftMs: 20_000 })
    }
    expect(await run(runtime.memory.get('task-sentinel/tasks/b/progress'))).toMatchObject({ progress: 100, status: 'page 5' })
    await first.call('task_complete', { id: 'b' })
    expect(await statusOf(first, 'b')).toBe('completed')
  })

  test('is over for a client that is silent: another has the task, the late word is refused with the facts', async () => {
    const { first, join, clock, run, runtime } = await twoClients()
    await submit(first, 'a')
    await claimed(first, { leaseMs: 5000 })
    const done = { by: 'nobody' }
    const other = join().runtime
    other.spawnWorker({
      id: 'other',
      handlers: { review: () => new Promise((resolve) => clock.setTimer(8000, () => resolve(done))) },
    })
    await clock.advance(9000)
    const late = await first.refused('task_complete', { id: 'a', output: { by: 'first' } })
    expect(late).toMatchObject({ code: 'claim_lost', retryable: false })
    expect(late.message).toMatch(/its lease of 5000 ms was over \d+ ms ago/i)
    expect(late.message).toMatch(/taken from "mcp-first-\w+" \(epoch 1\) \d+ ms ago/)
    expect(late.message).toMatch(/worker "other" has it \(attempt 2, epoch 3, \d+ ms of its lease left\)/)
    expect(late.message).toContain('Do not repeat the work blindly')
    expect(await run(runtime.task('a').result())).toEqual(done)
    const later = await first.refused('task_progress', { id: 'a', percent: 50 })
    expect(later.message).toMatch(/it is completed: completed by other after 2 of 3 attempts/)
  })

  test('outlives its client: the task is taken over when it is over, and not before', async () => {
    const { first, second, clock } = await twoClients()
    await submit(second, 'a')
    const { epoch } = await claimed(first, { leaseMs: 20_000 })
    await first.leave()
    await clock.advance(10_000)
    expect(await statusOf(second, 'a')).toBe('processing')
    const again = await claimed(second, { waitMs: 25_000 })
    expect(again).toMatchObject({ id: 'a', attempt: 2 })
    expect(again.epoch).toBeGreaterThan(epoch)
  })

  test('fences writes: those under the guard of a lost claim are refused', async () => {
    const { first, second, clock } = await twoClients()
    await submit(first, 'a')
    const lost = await claimed(first, { leaseMs: 5000 })
    const entry = { value: 1, version: { tester: 1 }, timestamp: 1_700_000_000_000, workerId: 'tester' }
    const write = { key: 'shared/report', entry, condition: { type: 'none' } }
    expect(await first.call('memory_commit', { units: [[{ ...write, guard: lost.guard }]] })).toMatchObject({
      receipts: [{ type: 'committed' }],
    })
    await clock.advance(6000)
    const held = await claimed(second, { waitMs: 25_000 })
    expect(await first.call('memory_commit', { units: [[{ ...write, guard: lost.guard }]] })).toMatchObject({
      receipts: [{ type: 'stale-epoch' }],
    })
    expect(await second.call('memory_commit', { units: [[{ ...write, guard: held.guard }]] })).toMatchObject({
      receipts: [{ type: 'committed' }],
    })
  })
})

describe('a word on a task', () => {
  test.each([
    ['task_complete', {}],
    ['task_progress', { percent: 5 }],
    ['task_fail', { message: 'no' }],
    ['task_release', {}],
  ])('%s by a client that does not hold it is refused, whatever it knows', async (tool, input) => {
    const { first, second } = await twoClients()
    await submit(first, 'a')
    const { epoch } = await claimed(first)
    const refusal = await second.refused(tool, { id: 'a', epoch, ...input })
    expect(refusal.code).toBe('claim_lost')
    expect(refusal.message).toMatch(/This client does not hold task "a".*worker "mcp-first-\w+" has it/)
    await first.call('task_complete', { id: 'a' })
  })

  test('under the epoch of an older claim of the same client is refused', async () => {
    const { first, clock } = await twoClients()
    await submit(first, 'a')
    const old = await claimed(first, { leaseMs: 5000 })
    await clock.advance(5000)
    const fresh = await claimed(first, { waitMs: 25_000 })
    const refusal = await first.refused('task_complete', { id: 'a', epoch: old.epoch })
    expect(refusal.code).toBe('claim_lost')
    expect(refusal.message).toContain(`under epoch ${fresh.epoch}, not under epoch ${old.epoch}`)
    expect(refusal.message).toMatch(/taken from "mcp-first-\w+" \(epoch 1\)/)
    await first.call('task_complete', { id: 'a', epoch: fresh.epoch })
  })

  test('that ends it is taken once', async () => {
    const { first, run, member } = await twoClients()
    await submit(first, 'a')
    await claimed(first)
    member.store.commitMs = 100
    const completing = first.begin('task_complete', { id: 'a', output: 1 })
    expect((await first.refused('task_complete', { id: 'a', output: 2 })).code).toBe('claim_lost')
    await run(completing)
    expect((await first.refused('task_fail', { id: 'a', message: 'no' })).message).toContain('it is completed')
    expect(await first.call('task_get', { id: 'a' })).toMatchObject({ task: { output: 1 } })
  })

  test('whose fate is not known yet is told so, and counts when the store has it', async () => {
    const { first, member, clock } = await twoClients()
    await submit(first, 'a')
    await claimed(first)
    member.store.commitFate = () => 'fail'
    const refusal = await first.refused('task_complete', { id: 'a', output: 1 })
    expect(refusal).toMatchObject({ code: 'unknown_outcome', retryable: true })
    expect(refusal.text).toContain('Read before you write again')
    member.store.commitFate = () => 'pass'
    await clock.advance(10_000)
    expect(await first.call('task_get', { id: 'a' })).toMatchObject({ task: { status: 'completed', output: 1 } })
  })

  test('that cannot be stored is refused, and the task is kept', async () => {
    const { first } = await twoClients()
    await submit(first, 'a')
    await claimed(first)
    expect((await first.refused('task_complete', { id: 'a', output: 'x'.repeat(600_000) })).code).toBe('too_large')
    expect((await first.refused('task_progress', { id: 'a', percent: 101 })).code).toBe('invalid_option')
    await first.call('task_complete', { id: 'a', output: 'short' })
  })

  test('fails it: tried again, or for good; then it can be replayed', async () => {
    const { first, clock } = await twoClients()
    await submit(first, 'a')
    await claimed(first)
    expect(await first.call('task_fail', { id: 'a', message: 'illegible' })).toEqual({ id: 'a', outcome: 'retried', epoch: 1 })
    await clock.advance(60_000)
    await claimed(first)
    expect(await first.call('task_fail', { id: 'a', message: 'hopeless', isFinal: true })).toMatchObject({ outcome: 'failed' })
    const { tasks } = await first.call<{ tasks: Answer[] }>('task_list', { status: 'failed' })
    expect(tasks).toMatchObject([{ id: 'a', attempts: 2, error: 'hopeless' }])
    expect(await first.call('task_replay', { id: 'a' })).toEqual({ id: 'a', status: 'pending' })
    expect((await first.refused('task_replay', { id: 'a' })).code).toBe('conflict')
    expect((await claimed(first, { waitMs: 1000 })).attempt).toBe(1)
  })

  test('gives it back: another may have it at once, and the attempt is not counted', async () => {
    const { first, second } = await twoClients()
    await submit(first, 'a')
    await claimed(first)
    expect(await first.call('task_release', { id: 'a' })).toEqual({ id: 'a', status: 'pending' })
    expect(await claimed(second, { waitMs: 1000 })).toMatchObject({ id: 'a', attempt: 1 })
  })
})

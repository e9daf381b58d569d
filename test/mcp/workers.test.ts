/** Clients as workers that others see, that keep what they hold by their heartbeat, and that leave. */
import { describe, expect, test } from 'vitest'
import { type Answer, type Caller, servedWorld, statusOf, submit, twoClients } from './tool-harness.ts'

interface Heartbeat {
  readonly workers: readonly Answer[]
  readonly tasks: readonly Answer[]
  readonly locks: readonly Answer[]
  readonly lost: readonly Answer[]
  readonly notRenewed: readonly Answer[]
}

const claimedId = async (caller: Caller, input: object = {}) =>
  (await caller.call<{ task: { id: string } | null }>('task_claim', input)).task?.id ?? null
const workersOf = async (caller: Caller, input: object = {}) =>
  (await caller.call<{ workers: Answer[] }>('worker_list', input)).workers

describe('worker_register', () => {
  test('makes the client a worker with its id, capacity and types', async () => {
    const { first, second, clock, audit } = await twoClients()
    const asked = { id: 'reviewer', capacity: 2, types: ['review'] }
    expect(await first.call('worker_register', asked)).toEqual(asked)
    await clock.advance(10)
    expect(await workersOf(second)).toMatchObject([{ ...asked, state: 'active', isAlive: true, running: 0 }])
    await submit(second, 'a')
    await submit(second, 'b', { type: 'translate' })
    expect(await claimedId(first)).toBe('a')
    expect(await claimedId(first)).toBe(null)
    await clock.advance(5000)
    expect(await workersOf(second)).toMatchObject([{ id: 'reviewer', running: 1 }])
    expect(await second.call('task_explain', { id: 'a' })).toMatchObject({ owner: 'reviewer' })
    expect(audit[0]).toEqual({ client: 'first', tool: 'worker_register', subject: 'reviewer', outcome: 'ok' })
  })

  test('twice is once, and something else for the same types is refused with advice', async () => {
    const { first } = await twoClients()
    const registered = await first.call('worker_register', { types: ['b', 'a'] })
    expect(registered).toMatchObject({ capacity: 1, types: ['a', 'b'] })
    expect(await first.call('worker_register', { types: ['a', 'b', 'a'] })).toEqual(registered)
    const refusal = await first.refused('worker_register', { types: ['a', 'b'], capacity: 2 })
    expect(refusal.code).toBe('invalid_option')
    expect(refusal.message).toContain('worker_drain')
  })

  test('under the id of another worker of this server is refused', async () => {
    const { first, second } = await twoClients()
    await first.call('worker_register', { id: 'reviewer' })
    const refusal = await second.refused('worker_register', { id: 'reviewer' })
    expect(refusal).toMatchObject({ code: 'invalid_option', message: expect.stringContaining('"reviewer"') })
    // It did not become one halfway.
    expect(await second.call('worker_register', {})).toMatchObject({ id: expect.stringMatching(/^mcp-second-\w+$/) })
  })

  test('bounds what its claims may hold, and a claim beyond it says so at once', async () => {
    const { first, clock } = await twoClients()
    await first.call('worker_register', { capacity: 1 })
    await submit(first, 'a')
    await submit(first, 'b')
    expect(await claimedId(first)).toBe('a')
    const before = clock.monotonicMs()
    const refusal = await first.refused('task_claim', { waitMs: 25_000 })
    expect(refusal).toMatchObject({ code: 'backpressure', message: expect.stringContaining('capacity of 1: "a"') })
    expect(clock.monotonicMs()).toBe(before)
    await first.call('task_complete', { id: 'a' })
    expect(await claimedId(first)).toBe('b')
  })

  test('names clients of any name, and of the same', async () => {
    const { connect } = servedWorld()
    const names = ['a/b *', 'x'.repeat(500), '漢字'.repeat(60), '', 'twin', 'twin']
    const ids = new Set<unknown>()
    for (const name of names) ids.add((await (await connect(name)).call('worker_register')).id)
    expect(ids.size).toBe(names.length)
  })

  test.each([
    [{ capacity: 0 }, 'invalid_option'],
    [{ capacity: 101 }, 'invalid_option'],
    [{ types: [] }, 'invalid_option'],
    [{ types: ['a/b'] }, 'invalid_key'],
    [{ id: '..' }, 'invalid_key'],
  ])('does not take %o', async (input, code) => {
    const { first } = await twoClients()
    expect((await first.refused('worker_register', input)).code).toBe(code)
    expect(await workersOf(first)).toEqual([])
  })
})

describe('worker_heartbeat', () => {
  test('keeps all that its client holds, and says what that is', async () => {
    const { first, second, clock } = await twoClients()
    await submit(first, 'a')
    await submit(first, 'b')
    await claimedId(first, { leaseMs: 10_000 })
    await claimedId(first, { leaseMs: 20_000 })
    await first.call('lock_acquire', { name: 'nightly', leaseMs: 15_000 })
    for (let round = 0; round < 5; round++) {
      await clock.advance(8000)
      const told = await first.call<Heartbeat>('worker_heartbeat')
      expect(told).toMatchObject({ lost: [], notRenewed: [], workers: [{ types: null }] })
      expect(told.tasks.toSorted((one, other) => (String(one.id) < String(other.id) ? -1 : 1))).toEqual([
        { id: 'a', epoch: 1, leaseMs: 10_000, leaseLeftMs: 10_000 },
        { id: 'b', epoch: 1, leaseMs: 20_000, leaseLeftMs: 20_000 },
      ])
      expect(told.locks).toEqual([{ id: 'nightly', epoch: 1, leaseMs: 15_000, leaseLeftMs: 15_000 }])
    }
    expect(await claimedId(second)).toBe(null)
    expect(await second.call('lock_acquire', { name: 'nightly' })).toMatchObject({ acquired: false })
  })

  test('tells once what was lost', async () => {
    const { first, second, clock } = await twoClients()
    await submit(first, 'a')
    await submit(first, 'b')
    await claimedId(first, { leaseMs: 5000 })
    await claimedId(first, { leaseMs: 60_000 })
    await first.call('lock_acquire', { name: 'nightly', leaseMs: 5000 })
    await clock.advance(6000)
    expect(await claimedId(second, { waitMs: 25_000 })).toBe('a')
    const told = await first.call<Heartbeat>('worker_heartbeat')
    expect(told.lost).toEqual([
      { kind: 'task', id: 'a', epoch: 1, reason: expect.stringContaining('not held any more') },
      { kind: 'lock', id: 'nightly', epoch: 1, reason: expect.stringContaining('is not held') },
    ])
    expect(told.tasks).toMatchObject([{ id: 'b' }])
    expect(told.locks).toEqual([])
    expect(await first.call<Heartbeat>('worker_heartbeat')).toMatchObject({ lost: [], tasks: [{ id: 'b' }] })
    expect((await first.refused('task_complete', { id: 'a' })).message).toMatch(/taken from "mcp-first-\w+" \(epoch 1\)/)
  })

  test.each(['before', 'behind'])('does not call lost what its client ends %s it', async (order) => {
    const { first, member, run } = await twoClients()
    await submit(first, 'a')
    await claimedId(first)
    const { epoch } = await first.call('lock_acquire', { name: 'nightly' })
    member.store.commitMs = 100
    const end = () => [first.begin('task_complete', { id: 'a' }), first.begin('lock_release', { name: 'nightly', epoch })]
    const before = order === 'before' ? end() : []
    const heartbeat = first.begin<Heartbeat>('worker_heartbeat')
    const behind = order === 'behind' ? end() : []
    expect(await run(heartbeat)).toMatchObject({ tasks: [], locks: [], lost: [] })
    await run(Promise.all([...before, ...behind]))
    expect(await first.call<Heartbeat>('worker_heartbeat')).toMatchObject({ tasks: [], locks: [], lost: [] })
  })

  test('answers also when the store does not: what it says is still held, and the next one renews it', async () => {
    const { first, member, clock } = await twoClients()
    await submit(first, 'a')
    await claimedId(first)
    await first.call('lock_acquire', { name: 'nightly', leaseMs: 60_000 })
    member.store.commitFate = () => 'fail'
    const told = await first.call<Heartbeat>('worker_heartbeat')
    const left = { epoch: 1, leaseMs: 60_000, leaseLeftMs: 35_000 }
    expect(told).toMatchObject({ lost: [], tasks: [{ id: 'a', ...left }], locks: [{ id: 'nightly', ...left }] })
    expect(told.notRenewed).toMatchObject([
      { kind: 'task', id: 'a', reason: expect.stringContaining('has not answered for 25000 ms') },
      { kind: 'lock', id: 'nightly' },
    ])
    member.store.commitFate = () => 'pass'
    await clock.advance(10_000)
    expect(await first.call<Heartbeat>('worker_heartbeat')).toMatchObject({
      ...{ lost: [], notRenewed: [] },
      ...{ tasks: [{ leaseLeftMs: 60_000 }], locks: [{ leaseLeftMs: 60_000 }] },
    })
  })

  test('by somebody who holds nothing is no error', async () => {
    const { first } = await twoClients()
    expect(await first.call('worker_heartbeat')).toEqual({ workers: [], tasks: [], locks: [], lost: [], notRenewed: [] })
  })
})

describe('worker_drain', () => {
  test('hands back what its client holds; it takes nothing more until it registers again', async () => {
    const { first, second, clock } = await twoClients()
    await submit(first, 'a')
    await claimedId(first)
    const told = await first.call('worker_drain')
    expect(told).toMatchObject({ drained: [{ types: null }], handedBack: ['a'], kept: [] })
    expect(await first.refused('task_claim')).toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('worker_register'),
    })
    await clock.advance(1000)
    expect(await workersOf(second)).toEqual([])
    expect(await workersOf(second, { includeOffline: true })).toMatchObject([{ state: 'offline', isAlive: false }])
    expect(await claimedId(second)).toBe('a')
    expect((await second.call<{ task: Answer }>('task_get', { id: 'a' })).task.attempts).toBe(1)
    await first.call('worker_register')
    await submit(first, 'b')
    expect(await claimedId(first)).toBe('b')
  })

  test('with keep, lets its client end what it holds; then it is offline', async () => {
    const { first, second, clock } = await twoClients()
    for (const id of ['a', 'b', 'c']) await submit(first, id)
    await claimedId(first)
    await claimedId(first)
    expect(await first.call('worker_drain', { keep: true })).toMatchObject({ handedBack: [], kept: ['a', 'b'] })
    await clock.advance(5000)
    expect(await workersOf(second)).toMatchObject([{ state: 'draining', isAlive: true, running: 2 }])
    await first.call('task_progress', { id: 'a', percent: 50 })
    await first.call('task_complete', { id: 'a' })
    await first.call('task_complete', { id: 'b' })
    await clock.advance(1000)
    expect(await workersOf(second)).toEqual([])
    expect(await statusOf(second, 'c')).toBe('pending')
  })

  test('ends the waiting of its claims', async () => {
    const { first, run, clock } = await twoClients()
    const waiting = first.begin('task_claim', { waitMs: 25_000 })
    await clock.advance(1000)
    await first.call('worker_drain')
    const before = clock.monotonicMs()
    expect(await run(waiting)).toMatchObject({ task: null })
    expect(clock.monotonicMs()).toBe(before)
  })

  test('leaves the locks', async () => {
    const { first } = await twoClients()
    const { epoch } = await first.call('lock_acquire', { name: 'nightly' })
    await first.call('worker_drain')
    await first.call('lock_renew', { name: 'nightly', epoch })
  })
})

describe('a client that goes away', () => {
  test('takes nothing more; its worker leaves when the leases of its claims are over', async () => {
    const { first, second, clock } = await twoClients()
    await submit(first, 'a')
    await claimedId(first, { leaseMs: 20_000 })
    await first.leave()
    await submit(second, 'b')
    await clock.advance(5000)
    expect(await workersOf(second)).toMatchObject([{ state: 'draining', running: 1 }])
    expect(await statusOf(second, 'a')).toBe('processing')
    expect(await statusOf(second, 'b')).toBe('pending')
    await clock.advance(20_000)
    expect(await statusOf(second, 'a')).toBe('pending')
    expect(await workersOf(second)).toEqual([])
  })

  test('and comes back is another worker, and gets its task again when the lease is over', async () => {
    const { first, connect } = await twoClients()
    await submit(first, 'a')
    await claimedId(first, { leaseMs: 10_000 })
    await first.leave()
    const again = await connect('first')
    expect(await claimedId(again)).toBe(null)
    expect((await again.refused('task_complete', { id: 'a' })).code).toBe('claim_lost')
    expect(await claimedId(again, { waitMs: 25_000 })).toBe('a')
    await again.call('task_complete', { id: 'a' })
  })
})

describe('worker_list', () => {
  test('shows the workers of all processes', async () => {
    const { first, join, clock } = await twoClients()
    join().runtime.spawnWorker({ id: 'embedder', capacity: 3, handlers: { embed: () => null } })
    await first.call('worker_register', { id: 'reviewer' })
    await clock.advance(10)
    expect(await workersOf(first)).toMatchObject([
      { id: 'embedder', capacity: 3, types: ['embed'], isAlive: true },
      { id: 'reviewer', capacity: 1, types: null, isAlive: true },
    ])
  })

  test('is not broken by what others write there', async () => {
    const { first, runtime, run } = await twoClients()
    await run(runtime.memory.set('task-sentinel/workers/odd/status', { state: 5, types: 'all', capacity: 'much' }))
    await run(runtime.memory.set('task-sentinel/workers/text/status', 'hello'))
    expect(await workersOf(first)).toMatchObject([
      { id: 'odd', state: 'unknown', isAlive: false, types: null, capacity: null, running: null },
      { id: 'text', state: 'unknown' },
    ])
  })

  test('counts what it does not show', async () => {
    const { first, second, clock } = await twoClients()
    await first.call('worker_register')
    await clock.advance(10)
    await first.leave()
    await clock.advance(1000)
    expect(await second.call('worker_list')).toEqual({ workers: [], notShown: 1 })
  })
})

/** Locks for whoever speaks MCP: one holder at a time, under a lease that only the client renews. */
import { describe, expect, test } from 'vitest'
import { type Answer, type Caller, twoClients } from './tool-harness.ts'

interface Held extends Answer {
  readonly acquired: boolean
  readonly name: string
  readonly epoch: number
  readonly leaseLeftMs: number
  readonly guard: { readonly scope: string; readonly epoch: number; readonly incarnation: string }
}

const acquire = (caller: Caller, input: object = {}): Promise<Held> =>
  caller.call<Held>('lock_acquire', { name: 'nightly', leaseMs: 10_000, ...input })

/** One write through the server's door for programs, as a client would make it with the guard that it was given. */
function guarded(guard: Held['guard'], value: number) {
  const entry = { value, version: { tester: value }, timestamp: 1_700_000_000_000, workerId: 'tester' }
  return { units: [[{ key: 'shared/report', entry, condition: { type: 'none' }, guard }]] }
}

describe('lock_acquire', () => {
  test('gives the lock to one client at a time, and tells the other who has it', async () => {
    const { first, second, audit } = await twoClients()
    const held = await acquire(first)
    expect(held).toMatchObject({ acquired: true, name: 'nightly', epoch: 1, leaseMs: 10_000, leaseLeftMs: 10_000 })
    expect(await acquire(second)).toEqual({
      acquired: false,
      name: 'nightly',
      heldBy: { owner: expect.stringMatching(/^mcp-first-/), leaseLeftMs: expect.any(Number) },
    })
    expect(audit.map(({ client, tool, subject, outcome }) => [client, tool, subject, outcome])).toEqual([
      ['first', 'lock_acquire', 'nightly', 'ok'],
      ['second', 'lock_acquire', 'nightly', 'ok'],
    ])
  })

  test('is not reentrant, and says so', async () => {
    const { first } = await twoClients()
    await acquire(first)
    expect(await first.text('lock_acquire', { name: 'nightly' })).toMatch(/you hold it already/)
  })

  test('waits for a lock that is given back meanwhile, under the next epoch', async () => {
    const { first, second, run } = await twoClients()
    const { epoch } = await acquire(first)
    const waiting = second.begin<Held>('lock_acquire', { name: 'nightly', waitMs: 25_000 })
    await first.call('lock_release', { name: 'nightly', epoch })
    expect(await run(waiting)).toMatchObject({ acquired: true, epoch: epoch + 1 })
  })

  test('excludes the workers of other processes too', async () => {
    const { first, join, run } = await twoClients()
    const other = join().runtime
    const held = await run(other.lock('nightly'))
    expect(await acquire(first)).toMatchObject({ acquired: false, heldBy: { owner: other.workerId } })
    await run(held?.release() ?? Promise.reject(new Error('it was free')))
    expect(await acquire(first)).toMatchObject({ acquired: true })
    expect(await run(other.lock('nightly'))).toBe(null)
  })

  test('stops waiting when its call is cancelled, and when its client goes away', async () => {
    const { first, second, connect, run, clock } = await twoClients()
    const { epoch } = await acquire(first, { leaseMs: 60_000 })
    const third = await connect('third')
    const cancelled = new AbortController()
    const waits = [
      second.begin('lock_acquire', { name: 'nightly', waitMs: 25_000 }, cancelled.signal),
      third.begin('lock_acquire', { name: 'nightly', waitMs: 25_000 }),
    ]
    for (const wait of waits) wait.catch(() => {})
    await clock.advance(1000)
    cancelled.abort('enough')
    await third.leave()
    const outcomes = await run(Promise.allSettled(waits))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await first.call('lock_release', { name: 'nightly', epoch })
    await clock.advance(5000)
    // Nobody who is gone got it.
    expect(await acquire(first)).toMatchObject({ acquired: true, epoch: epoch + 1 })
  })

  test.each([
    [{ name: 'a/b' }, 'invalid_key'],
    [{ name: '' }, 'invalid_key'],
    [{ leaseMs: 10 }, 'invalid_option'],
    [{ waitMs: 25_001 }, 'invalid_option'],
    [{ name: 5 }, 'invalid_option'],
  ])('does not take %o', async (input, code) => {
    const { first } = await twoClients()
    const refusal = await first.refused('lock_acquire', { name: 'nightly', ...input })
    expect(refusal.code).toBe(code)
    expect(refusal.text).not.toMatch(/\n\s+at /)
  })

  test('refuses more than a client may hold, and makes room for what was lost', async () => {
    const { first, clock } = await twoClients({ server: { limits: { holdingsMax: 2 } } })
    await acquire(first, { name: 'a' })
    await acquire(first, { name: 'b', leaseMs: 60_000 })
    expect(await first.refused('lock_acquire', { name: 'c' })).toMatchObject({ code: 'backpressure', retryable: true })
    await clock.advance(10_000)
    expect(await acquire(first, { name: 'c' })).toMatchObject({ acquired: true })
  })
})

describe('the lease of a lock', () => {
  test('lasts as long as its client renews it', async () => {
    const { first, second, clock } = await twoClients()
    const { epoch } = await acquire(first)
    for (let round = 0; round < 5; round++) {
      await clock.advance(8000)
      expect(await first.call('lock_renew', { name: 'nightly', epoch })).toMatchObject({ epoch, leaseLeftMs: 10_000 })
      expect(await acquire(second)).toMatchObject({ acquired: false })
    }
  })

  test('is over for a client that is silent: who comes next has it, the late word is refused with the facts', async () => {
    const { first, second, clock } = await twoClients()
    const { epoch } = await acquire(first)
    await clock.advance(13_000)
    expect(await acquire(second)).toMatchObject({ acquired: true, epoch: epoch + 1 })
    await clock.advance(1000)
    const refusal = await first.refused('lock_renew', { name: 'nightly', epoch })
    expect(refusal.code).toBe('lock_lost')
    expect(refusal.message).toMatch(/its lease was over 4000 ms ago/)
    expect(refusal.message).toMatch(/held by "mcp-second-\w+" under epoch 2, with 9000 ms/)
    expect(refusal.text).toMatch(/acquire it again/)
    expect((await first.refused('lock_release', { name: 'nightly', epoch })).code).toBe('lock_lost')
    // The other's is as it was.
    expect(await second.call('lock_renew', { name: 'nightly', epoch: epoch + 1 })).toMatchObject({ epoch: epoch + 1 })
  })

  test('outlives its client by what is left of it: nobody is raced, and nobody waits for ever', async () => {
    const { first, second, clock, run } = await twoClients()
    await acquire(first)
    await first.leave()
    await clock.advance(5000)
    expect(await acquire(second)).toMatchObject({ acquired: false, heldBy: { leaseLeftMs: 5000 } })
    expect(await run(second.begin('lock_acquire', { name: 'nightly', waitMs: 25_000 }))).toMatchObject({ acquired: true })
  })

  test('fences writes: those under the guard of a lost lock are refused, those of the holder are not', async () => {
    const { first, second, clock, run, runtime } = await twoClients()
    const lost = await acquire(first)
    await clock.advance(10_000)
    const held = await acquire(second)
    const late = await first.call('memory_commit', guarded(lost.guard, 1))
    expect(late).toMatchObject({ receipts: [{ type: 'stale-epoch', scope: lost.guard.scope }] })
    expect(await second.call('memory_commit', guarded(held.guard, 2))).toMatchObject({ receipts: [{ type: 'committed' }] })
    expect(await run(runtime.memory.get('shared/report'))).toBe(2)
  })
})

describe('lock_renew and lock_release', () => {
  test.each(['lock_renew', 'lock_release'])('%s needs the epoch of the acquisition', async (tool) => {
    const { first } = await twoClients()
    const { epoch } = await acquire(first)
    const refusal = await first.refused(tool, { name: 'nightly', epoch: epoch + 7 })
    expect(refusal.code).toBe('lock_lost')
    expect(refusal.message).toContain(`under epoch ${epoch}, not under ${epoch + 7}`)
    await first.call(tool, { name: 'nightly', epoch })
  })

  test.each(['lock_renew', 'lock_release'])(
    '%s by a client that does not hold it is refused, whatever it knows',
    async (tool) => {
      const { first, second } = await twoClients()
      const { epoch } = await acquire(first)
      expect((await second.refused(tool, { name: 'nightly', epoch })).message).toContain(
        'this client does not hold the lock "nightly"',
      )
      expect((await second.refused(tool, { name: 'other', epoch })).message).toContain('Nobody ever had it')
      await first.call(tool, { name: 'nightly', epoch })
    },
  )

  test('a lock that was given back is free at once, and not held any more', async () => {
    const { first, second } = await twoClients()
    const { epoch } = await acquire(first)
    expect(await first.call('lock_release', { name: 'nightly', epoch })).toEqual({ released: true, name: 'nightly', epoch })
    expect((await first.refused('lock_release', { name: 'nightly', epoch })).message).toContain('It is free')
    expect(await acquire(second)).toMatchObject({ acquired: true, epoch: epoch + 1 })
  })

  test('a store that fails for a moment is no loss; one that fails for the whole lease is', async () => {
    const { first, member } = await twoClients()
    const { epoch } = await acquire(first)
    let failures = 2
    member.store.commitFate = () => (failures-- > 0 ? 'fail' : 'pass')
    expect(await first.call('lock_renew', { name: 'nightly', epoch })).toMatchObject({ epoch })
    member.store.commitFate = () => 'fail'
    expect((await first.refused('lock_renew', { name: 'nightly', epoch })).message).toMatch(/its lease was over|before its lease/)
    member.store.commitFate = () => 'pass'
    expect(await acquire(first, { waitMs: 25_000 })).toMatchObject({ acquired: true, epoch: epoch + 1 })
  })
})

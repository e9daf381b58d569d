/** Workers that take a task only for somebody who asks, and leave the lease to him. */
import { describe, expect, test } from 'vitest'
import type { ClaimedTask } from '../../src/runtime/claims.ts'
import { world } from './harness.ts'

function pulling(options: { readonly capacity?: number; readonly types?: readonly string[] } = {}) {
  const made = world()
  const member = made.join()
  const worker = member.runtime.spawnWorker({ driven: true, pulls: true, capacity: 2, ...options })
  const submit = (id: string, type = 'review') => made.run(member.runtime.submit({ id, type, input: { page: 1 } }))
  const claimed = async (claimOptions: Parameters<typeof worker.claim>[0] = {}): Promise<ClaimedTask> => {
    const task = await made.run(worker.claim(claimOptions))
    if (task === null) throw new Error('there was no task')
    return task
  }
  return { ...member, ...made, worker, submit, claimed }
}

describe('a claim', () => {
  test('is made only for who asks', async () => {
    const { submit, clock, run, worker, claimed } = pulling()
    const task = await submit('a')
    await clock.advance(60_000)
    expect((await run(task.record()))?.status).toBe('pending')
    const claim = await claimed()
    expect(claim).toMatchObject({ id: 'a', type: 'review', input: { page: 1 }, attempt: 1, epoch: 1, isHeld: true })
    expect(await run(task.record())).toMatchObject({ status: 'processing', owner: worker.id })
  })

  test('is completed by its holder, and settles when that is committed', async () => {
    const { submit, run, claimed, store } = pulling()
    const task = await submit('a')
    const claim = await claimed()
    store.commitMs = 50
    await run(claim.complete({ verdict: 'good' }))
    expect((await run(task.record()))?.status).toBe('completed')
    expect(await run(task.result())).toEqual({ verdict: 'good' })
    expect(claim.isHeld).toBe(false)
  })

  test('is in queue order, one for each who waits, up to the capacity', async () => {
    const { submit, run, worker } = pulling()
    const waiting = [1, 2, 3].map(() => worker.claim({ waitMs: 5000 }))
    for (const id of ['a', 'b', 'c']) await submit(id)
    expect((await run(Promise.all(waiting.slice(0, 2)))).map((claim) => claim?.id)).toEqual(['a', 'b'])
    expect(await run(waiting[2] as Promise<ClaimedTask | null>)).toBe(null)
  })

  test('waits as long as it was told, and then says that there is none', async () => {
    const { submit, run, worker, clock } = pulling()
    const first = worker.claim({ waitMs: 10_000 })
    await clock.advance(9000)
    await submit('late')
    expect((await run(first))?.id).toBe('late')
    const before = clock.monotonicMs()
    expect(await run(worker.claim({ waitMs: 10_000 }))).toBe(null)
    expect(clock.monotonicMs() - before).toBe(10_000)
  })

  test('of a type that its worker does not take is not given', async () => {
    const { submit, run, worker } = pulling({ types: ['translate'] })
    await submit('a')
    expect(await run(worker.claim())).toBe(null)
  })

  test('takes tasks without a type too, unless types were asked for: no handler would', async () => {
    const { run, worker, runtime, join } = pulling()
    join().runtime.spawnWorker({ handlers: { review: () => 1 } })
    const { queueDocuments } = runtime.inside
    await run(queueDocuments.syncQueue({ pending: ['untyped'], processing: [] }))
    const picky = runtime.spawnWorker({ driven: true, pulls: true, types: ['review'] })
    expect(await run(picky.claim({ waitMs: 5000 }))).toBe(null)
    expect(await run(worker.claim({ waitMs: 5000 }))).toMatchObject({ id: 'untyped', type: null })
  })

  test('ends when its asker gives up, also while it is under way: the task goes back, the attempt not counted', async () => {
    const { submit, run, worker, store, refused, until, clock } = pulling()
    const waiting = new AbortController()
    const claim = worker.claim({ waitMs: 10_000, signal: waiting.signal })
    waiting.abort()
    expect((await refused(claim)).code).toBe('aborted')
    const task = await submit('a')
    store.commitMs = 100
    const later = new AbortController()
    const second = worker.claim({ signal: later.signal })
    second.catch(() => {})
    await clock.advance(50)
    later.abort()
    expect((await refused(second)).code).toBe('aborted')
    await until(task, 'processing')
    await until(task, 'pending')
    expect((await run(task.record()))?.attempts).toBe(0)
  })

  test.each([
    [{ leaseMs: 10 }, 'invalid_option'],
    [{ leaseMs: Number.NaN }, 'invalid_option'],
    [{ waitMs: -1 }, 'invalid_option'],
  ])('does not take %o', async (options, code) => {
    const { worker, refused } = pulling()
    expect((await refused(worker.claim(options))).code).toBe(code)
  })
})

describe('the lease of a claim', () => {
  test('is renewed by its holder alone: silence loses the task to another worker, and a late word is refused', async () => {
    const { submit, run, claimed, join, refused, clock } = pulling()
    const task = await submit('a')
    const claim = await claimed({ leaseMs: 20_000 })
    join().runtime.spawnWorker({ handlers: { review: () => 'by another' } })
    await clock.advance(15_000)
    expect((await run(task.record()))?.epoch).toBe(1)
    expect(await run(task.result())).toBe('by another')
    expect(claim.isHeld).toBe(false)
    expect(claim.signal.aborted).toBe(true)
    const error = await refused(claim.complete('mine'))
    expect(error).toMatchObject({ code: 'claim_lost', retryable: false })
    expect(error.message).toMatch(/"a".*epoch 1.*Somebody else may have it/)
    expect((await refused(claim.renew())).code).toBe('claim_lost')
  })

  test('lasts as long as it is renewed', async () => {
    const { submit, run, claimed, join, clock } = pulling()
    const task = await submit('a')
    const claim = await claimed({ leaseMs: 20_000 })
    join().runtime.spawnWorker({ handlers: { review: () => 'by another' } })
    for (let round = 0; round < 10; round++) {
      await clock.advance(15_000)
      await run(round % 2 === 0 ? claim.renew() : claim.progress(round * 10))
      expect(claim.leaseLeftMs()).toBe(20_000)
    }
    await run(claim.complete('mine'))
    expect(await run(task.result())).toBe('mine')
  })

  test('is over although nobody else wanted the task: it cannot be completed any more', async () => {
    const { submit, claimed, clock, refused, run, until } = pulling()
    const task = await submit('a')
    const claim = await claimed({ leaseMs: 5000 })
    await clock.advance(5000)
    expect((await refused(claim.complete())).code).toBe('claim_lost')
    await until(task, 'pending')
    expect((await run(task.record()))?.takeovers).toHaveLength(1)
  })
})

describe('a holder', () => {
  test('fails a task: it is retried, or failed for good', async () => {
    const { submit, run, claimed, clock } = pulling()
    const task = await submit('a')
    expect(await run((await claimed()).fail('illegible'))).toBe('retried')
    await clock.advance(60_000)
    expect(await run((await claimed()).fail('hopeless', { isFinal: true }))).toBe('failed')
    expect(await run(task.record())).toMatchObject({ status: 'failed', attempts: 2, error: { message: 'hopeless' } })
  })

  test('gives a task back', async () => {
    const { submit, run, claimed } = pulling()
    const task = await submit('a')
    await run((await claimed()).release())
    expect(await run(task.record())).toMatchObject({ status: 'pending', attempts: 0 })
    expect((await claimed()).attempt).toBe(1)
  })

  test('hears that the task was cancelled', async () => {
    const { submit, run, claimed, refused } = pulling()
    const task = await submit('a')
    const claim = await claimed()
    await run(task.send({ type: 'task.cancel', reason: 'changed my mind' }))
    expect((await refused(claim.complete())).message).toContain('cancelled')
    expect(claim.signal.aborted).toBe(true)
    expect((await run(task.record()))?.status).toBe('cancelled')
  })

  test('says one end; a second is refused', async () => {
    const { submit, run, claimed, refused, store } = pulling()
    await submit('a')
    const claim = await claimed()
    store.commitMs = 100
    const first = claim.complete(1)
    expect((await refused(claim.complete(2))).code).toBe('claim_lost')
    expect((await refused(claim.fail('no'))).code).toBe('claim_lost')
    await run(first)
  })

  test.each([
    ['an output that is not JSON', (claim: ClaimedTask) => claim.complete(10n), 'invalid_value'],
    ['an output that is too large', (claim: ClaimedTask) => claim.complete('a'.repeat(600_000)), 'too_large'],
    ['progress beyond all', (claim: ClaimedTask) => claim.progress(101), 'invalid_value'],
  ])('keeps the task when %s is refused', async (_, call, code) => {
    const { submit, run, claimed, refused } = pulling()
    await submit('a')
    const claim = await claimed()
    expect((await refused(call(claim))).code).toBe(code)
    await run(claim.complete('well'))
  })
})

describe('a worker that pulls and leaves', () => {
  test('gives nothing any more, and is offline when its claims have ended', async () => {
    const { submit, run, worker, claimed, clock } = pulling()
    await submit('a')
    await submit('b')
    const claim = await claimed()
    const waiting = worker.claim({ waitMs: 60_000 })
    const second = await run(waiting)
    const third = worker.claim({ waitMs: 60_000 })
    const drained = worker.drain()
    expect(await run(third)).toBe(null)
    expect(await run(worker.claim())).toBe(null)
    await run(claim.complete())
    let isOffline = false
    void drained.then(() => {
      isOffline = true
    })
    await clock.advance(1000)
    expect(isOffline).toBe(false)
    expect(second?.id).toBe('b')
    await run(drained) // b's holder is silent: its lease ends
    expect(isOffline).toBe(true)
  })

  test('at the end of its runtime hands back what is held, and who waits is told', async () => {
    const { submit, run, worker, claimed, runtime, join } = pulling({ capacity: 1 })
    await submit('a')
    const claim = await claimed()
    const waiting = worker.claim({ waitMs: 600_000 })
    await run(runtime.shutdown({ drainMs: 1000 }))
    expect(await run(waiting)).toBe(null)
    expect(claim.isHeld).toBe(false)
    const other = join()
    expect(await run(other.runtime.task('a').record())).toMatchObject({ status: 'pending', attempts: 0 })
  })
})

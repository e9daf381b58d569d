/** When a process serves what happens in it: only while the request lies in memory, and never longer than it lives itself. */
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import {
  announcementKey,
  announcementOf,
  announcementRenewMs,
  announcementTtlSeconds,
  inspectKey,
  inspectRenewMs,
  inspectTtlSeconds,
} from '../../src/trace/beacon-keys.ts'
import type { TraceAnnouncement } from '../../src/wire/inspector-api.ts'
import { type Member, type MemberOptions, type World, world } from '../runtime/harness.ts'
import { ask, toldBy } from './served.ts'

const request = { watcher: 'test', allowsActions: false }
const key = announcementKey('task-sentinel', 'w')

/** A process to be inspected, and one that inspects. */
async function pair(
  options: MemberOptions = {},
): Promise<World & { watched: Member; inspector: Runtime; announced(): Promise<TraceAnnouncement | null> }> {
  const it = world()
  const watched = it.join({ workerId: 'w', ...options })
  const inspector = it.join({ workerId: 'inspector' }).runtime
  await it.run(Promise.all([watched.runtime.ready(), inspector.ready()]))
  return { ...it, watched, inspector, announced: async () => announcementOf(await it.run(inspector.memory.get(key))) }
}

async function asks({ inspector, run }: { inspector: Runtime; run: World['run'] }, value: Json = request): Promise<void> {
  await run(inspector.memory.set(inspectKey('task-sentinel'), value, { ttlSeconds: inspectTtlSeconds }))
}

/** Ports are the system's business: real turns of the event loop, in which no virtual time passes. */
async function until(it: World, holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 5000; turn++) {
    if (await holds()) return
    await it.clock.advance(0)
  }
  expect.unreachable('it never holds')
}

/** Settles as the promise does, while what is put off to a later turn runs. */
async function real<T>(it: World, promise: Promise<T>): Promise<T> {
  let isSettled = false
  const watched = promise.finally(() => {
    isSettled = true
  })
  watched.catch(() => {})
  await until(it, async () => isSettled)
  return watched
}

async function isServed(it: World, announcement: TraceAnnouncement | null): Promise<boolean> {
  if (announcement === null) return false
  const headers = { authorization: `Bearer ${announcement.token}` }
  const answer = await real(it, ask({ server: { url: announcement.url } as never }, { headers })).catch(() => null)
  return answer?.status === 200
}

describe('a runtime', () => {
  test('serves and announces itself while it is asked to', async () => {
    const it = await pair()
    expect(await it.announced()).toBeNull()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    const announcement = (await it.announced()) as TraceAnnouncement
    expect(announcement).toMatchObject({
      incarnation: it.watched.runtime.incarnation,
      pid: process.pid,
      token: expect.stringMatching(/^[a-z2-7]{32}$/),
    })
    expect((await it.run(it.inspector.memory.entry(key)))?.entry.ttl).toBe(announcementTtlSeconds)
    expect(await isServed(it, announcement)).toBe(true)
    // As long as it is asked again, and then no more: neither served nor announced.
    for (let renewal = 0; renewal < 6; renewal++) {
      await it.clock.advance(inspectRenewMs)
      await asks(it)
      expect(await it.announced()).toEqual(announcement)
    }
    await it.clock.advance(inspectTtlSeconds * 1000)
    await until(it, async () => (await it.announced()) === null)
    await until(it, async () => !(await isServed(it, announcement)))
    expect(it.watched.problems).toEqual([])
  })

  test('renews its announcement before it expires', async () => {
    const it = await pair()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    const revisions = new Set<number>()
    for (let second = 0; second < 14; second++) {
      await it.clock.advance(1000)
      revisions.add((await it.run(it.inspector.memory.entry(key)))?.revision ?? 0)
    }
    expect(revisions.size).toBe(Math.floor(14_000 / announcementRenewMs) + 1)
  })

  test('stops at once when the request is taken back', async () => {
    const it = await pair()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    const announcement = await it.announced()
    await it.run(it.inspector.memory.delete(inspectKey('task-sentinel')))
    await until(it, async () => (await it.announced()) === null)
    await until(it, async () => !(await isServed(it, announcement)))
    // Asked again it has another token.
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    expect((await it.announced())?.token).not.toBe(announcement?.token)
  })

  test('goes on for a while for those who still read', async () => {
    const it = await pair()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    const { client, records } = toldBy()
    client.announced(await it.announced())
    await until(it, async () => records.length > 0)
    await it.run(it.inspector.memory.delete(inspectKey('task-sentinel')))
    await it.clock.advance(inspectRenewMs)
    expect(await it.announced()).not.toBeNull()
    await it.clock.advance(inspectTtlSeconds * 1000)
    await until(it, async () => (await it.announced()) === null)
    client.stop()
  })

  test('that is opened later notices with the next renewal', async () => {
    const it = await pair()
    await asks(it)
    const later = it.join({ workerId: 'later' })
    await it.run(later.runtime.ready())
    await it.clock.advance(inspectRenewMs)
    await asks(it)
    const announced = async (): Promise<TraceAnnouncement | null> =>
      announcementOf(await it.run(it.inspector.memory.get(announcementKey('task-sentinel', 'later'))))
    await until(it, async () => (await announced()) !== null)
    expect((await announced())?.incarnation).toBe(later.runtime.incarnation)
  })

  test('does not serve itself: who asks is not asked', async () => {
    const it = await pair()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    expect(await it.run(it.inspector.memory.get(announcementKey('task-sentinel', 'inspector')))).toBeNull()
  })

  test.each([
    [null],
    ['yes'],
    [{ watcher: 'x' }],
    [{ watcher: 7, allowsActions: true }],
    [{ watcher: 'x', allowsActions: 'yes' }],
  ])('is not asked by %j', async (value) => {
    const it = await pair()
    await asks(it, value)
    await it.clock.advance(2000)
    expect(await it.announced()).toBeNull()
    expect(it.watched.problems).toEqual([])
  })

  test('takes events while the request allows it', async () => {
    const it = await pair()
    const { client } = toldBy()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    client.announced(await it.announced())
    const reset = { type: 'breaker.reset' }
    await expect(real(it, client.send('circuit-breaker', reset))).rejects.toMatchObject({ code: 'not_supported' })
    await asks(it, { ...request, allowsActions: true })
    await real(it, client.send('circuit-breaker', reset))
    await expect(real(it, client.send('circuit-breaker', { type: 'xstate.stop' }))).rejects.toMatchObject({
      code: 'invalid_option',
    })
    await expect(real(it, client.send('circuit-breaker', { type: 'nonsense' }))).rejects.toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('it takes call.succeeded'),
    })
    client.stop()
  })

  test('ends it all at shutdown, and says that it is over', async () => {
    const it = await pair()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    const announcement = await it.announced()
    const { client, records } = toldBy()
    client.announced(announcement)
    await until(it, async () => records.length > 0)
    await it.run(it.watched.runtime.shutdown())
    expect(await it.announced()).toBeNull()
    await until(it, async () => client.state === 'idle')
    expect(records.at(-1)).toMatchObject({ type: 'source.lost', reason: 'its runtime was shut down' })
    expect(await isServed(it, announcement)).toBe(false)
    client.stop()
  })

  test('is shut down while it begins to serve, and leaves nothing', async () => {
    const it = await pair()
    await asks(it)
    await it.run(it.watched.runtime.shutdown())
    expect(await it.announced()).toBeNull()
  })

  test('does not mind a store that fails', async () => {
    const it = await pair()
    await asks(it)
    await until(it, async () => (await it.announced()) !== null)
    it.watched.store.commitFate = () => 'fail'
    await it.clock.advance(announcementRenewMs * 2)
    it.watched.store.commitFate = () => 'pass'
    await asks(it)
    await it.clock.advance(announcementRenewMs)
    await until(it, async () => (await it.announced()) !== null)
  })
})

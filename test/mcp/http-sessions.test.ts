import { describe, expect, it } from 'vitest'
import { HttpSessions, type HttpSessionsParts } from '../../src/mcp/http-sessions.ts'
import type { HttpTransport } from '../../src/mcp/http-transport.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts'

const idleMs = 1000

function setUp(parts: Partial<HttpSessionsParts> = {}): {
  clock: VirtualClock
  sessions: HttpSessions
  connected: HttpTransport[]
} {
  const clock = createVirtualClock()
  const connected: HttpTransport[] = []
  const server = {
    async connect(transport: HttpTransport) {
      connected.push(transport)
      return { close: () => transport.close() }
    },
  }
  const report = (thrown: unknown): void => {
    throw thrown
  }
  const sessions = new HttpSessions({ server, clock, random: createSeededRandom(1), sessionsMax: 2, idleMs, report, ...parts })
  return { clock, sessions, connected }
}

async function open(sessions: HttpSessions) {
  const session = await sessions.open()
  if (session === null) throw new Error('at the bound')
  return session
}

describe('a session that nobody uses', () => {
  it('is over after its time, counted from its last use', async () => {
    const { clock, sessions } = setUp()
    const session = await open(sessions)
    session.unuse()
    await clock.advance(600)
    session.use()
    session.unuse()
    await clock.advance(600)
    expect(sessions.size).toBe(1)
    await clock.advance(400)
    expect(sessions.size).toBe(0)
    expect(session.transport.isClosed).toBe(true)
    expect(sessions.get(session.transport.sessionId)).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('is not over while a request is under way or a stream open, however long that takes', async () => {
    const { clock, sessions } = setUp()
    const session = await open(sessions)
    session.unuse()
    session.use()
    session.use()
    await clock.advance(10 * idleMs)
    session.unuse()
    await clock.advance(10 * idleMs)
    expect(sessions.size).toBe(1)
    session.unuse()
    await clock.advance(idleMs)
    expect(sessions.size).toBe(0)
  })

  it('leaves no timer when it ends before', async () => {
    const { clock, sessions } = setUp()
    const session = await open(sessions)
    session.unuse()
    expect(clock.pending).toBe(1)
    await session.end()
    session.use()
    session.unuse()
    expect(clock.pending).toBe(0)
    expect(sessions.size).toBe(0)
  })

  it('is reported when its end fails, for nobody waits for that', async () => {
    const reported: unknown[] = []
    const server = { connect: async () => ({ close: () => Promise.reject(new Error('stuck')) }) }
    const { clock, sessions } = setUp({ server, report: (thrown) => reported.push(thrown) })
    const session = await open(sessions)
    session.unuse()
    await clock.advance(idleMs)
    expect(reported).toEqual([new Error('stuck')])
    expect(sessions.size).toBe(0)
  })
})

describe('the number of sessions', () => {
  it('has a bound, those that are being opened included, and an end makes room', async () => {
    let admit = (): void => {}
    const admitted = new Promise<void>((resolve) => {
      admit = resolve
    })
    const server = {
      async connect(transport: HttpTransport) {
        await admitted
        return { close: () => transport.close() }
      },
    }
    const { sessions } = setUp({ server })
    const both = [sessions.open(), sessions.open()]
    expect(await sessions.open()).toBeNull()
    admit()
    const [first, second] = await Promise.all(both)
    expect(first?.transport.sessionId).toMatch(/^[a-z2-7]{32}$/)
    expect(first?.transport.sessionId).not.toBe(second?.transport.sessionId)
    await first?.end()
    expect(await sessions.open()).not.toBeNull()
    await sessions.close()
    expect(sessions.size).toBe(0)
  })

  it('does not count one that the server refused', async () => {
    const server = { connect: () => Promise.reject(new Error('closed')) }
    const { sessions } = setUp({ server })
    await expect(sessions.open()).rejects.toThrow('closed')
    expect(sessions.size).toBe(0)
  })
})

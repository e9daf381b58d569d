/** A task that an MCP client of another process claimed, and the end of that client: an in-process worker takes it over in time. */
import { afterEach, expect, test } from 'vitest'
import { serveHttp } from '../../src/mcp/http-server.ts'
import { createMemoryServer } from '../../src/mcp/memory-server.ts'
import { systemClock } from '../../src/platform.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { HttpFixture } from '../mcp/http-fixture.ts'
import { type Child, startChild, withDirectory } from './children.ts'

const leaseMs = 1000
const fixture = new HttpFixture()
afterEach(() => fixture.end())

interface Claimed {
  readonly claimed: { readonly id: string; readonly epoch: number }
}

interface Ended {
  readonly outcome: {
    readonly isError: boolean
    readonly content: readonly { readonly text: string }[]
    readonly error?: { readonly code: string; readonly message: string; readonly retryable: boolean }
  }
}

/** A server over a file store, a second runtime on it, and a client process that has claimed the task `a`. */
async function withClaim(
  run: (made: {
    readonly url: string
    readonly other: Runtime
    readonly child: Child
    readonly epoch: number
    readonly beganMs: number
  }) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const serving = createRuntime({ store, logger: silentLogger, workerId: 'server' })
    const other = createRuntime({ store, logger: silentLogger, workerId: 'other' })
    const memory = createMemoryServer(serving)
    const http = await serveHttp(memory, { port: 0, drainMs: 0 })
    const children: Child[] = []
    try {
      await Promise.all([serving.ready(), other.ready()])
      await other.submit({ id: 'a', type: 'review', input: { page: 1 } })
      const beganMs = systemClock.monotonicMs()
      const child = startChild('mcp-client.ts', { url: http.url, name: 'first', leaseMs })
      children.push(child)
      const { claimed } = (await child.hears((message) => 'claimed' in (message as object))) as Claimed
      expect(claimed.id).toBe('a')
      await run({ url: http.url, other, child, epoch: claimed.epoch, beganMs })
    } finally {
      for (const { process } of children) process.kill('SIGKILL')
      await Promise.all(children.map(({ ended }) => ended))
      await http.close()
      await memory.close()
      await Promise.all([serving.shutdown({ drainMs: 0 }), other.shutdown({ drainMs: 0 })])
    }
  })
}

async function takesOver(other: Runtime, beganMs: number): Promise<void> {
  other.spawnWorker({ id: 'in-process', handlers: { review: (task) => ({ by: 'in-process', attempt: task.attempt }) } })
  expect(await other.task('a').result()).toEqual({ by: 'in-process', attempt: 2 })
  // Nothing but the end of its lease took the task from the client.
  expect(systemClock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(leaseMs)
  const takeovers = (await other.task('a').record())?.takeovers
  expect(takeovers).toMatchObject([{ worker: expect.stringMatching(/^mcp-first-/), epoch: 1 }])
}

test('a client is killed: the task is taken over after its lease, and who knows of the claim cannot complete it', async () => {
  await withClaim(async ({ url, other, child, epoch, beganMs }) => {
    child.process.kill('SIGKILL')
    expect((await child.ended).signal).toBe('SIGKILL')
    await takesOver(other, beganMs)
    const { client } = await fixture.connect(url, {}, 'second')
    const late = await client.callTool({ name: 'task_complete', arguments: { id: 'a', epoch, output: { by: 'second' } } })
    expect(late.isError).toBe(true)
    expect(late._meta?.error).toMatchObject({ code: 'claim_lost', retryable: false })
    const [{ text }] = late.content as [{ text: string }]
    expect(text).toMatch(/This client does not hold task "a"/)
    expect(text).toMatch(/taken from "mcp-first-\w+" \(epoch 1\) \d+ ms ago/)
    expect(text).toMatch(/it is completed: completed by in-process after 2 of 3 attempts/)
    expect(text).toMatch(/Do not repeat the work blindly/)
    expect(await other.task('a').result()).toEqual({ by: 'in-process', attempt: 2 })
  })
})

test('a client is stopped and wakes up after the takeover: its own late word is refused', async () => {
  await withClaim(async ({ other, child, beganMs }) => {
    child.process.kill('SIGSTOP')
    // It reads this when it wakes up.
    child.process.send('complete')
    await takesOver(other, beganMs)
    child.process.kill('SIGCONT')
    const { outcome } = (await child.hears((message) => 'outcome' in (message as object))) as Ended
    expect(outcome.isError).toBe(true)
    expect(outcome.error).toMatchObject({ code: 'claim_lost', retryable: false })
    const text = outcome.content[0]?.text ?? ''
    expect(text).toMatch(/task "a" is not held any more under epoch 1/)
    expect(text).toMatch(/Its lease of 1000 ms was over \d+ ms ago/)
    expect(text).toMatch(/it is completed: completed by in-process after 2 of 3 attempts/)
    expect(await other.task('a').result()).toEqual({ by: 'in-process', attempt: 2 })
  })
})

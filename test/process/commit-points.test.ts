import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRuntime, type Json } from 'memory-sync'
import { expect, test } from 'vitest'
import { programOf } from '../program.ts'
import { withDirectory } from './children.ts'

const { flags, file: fixture } = programOf(new URL('./fixtures/scenario.ts', import.meta.url))

type Ack = { set?: string; value?: Json; submit?: string; cancel?: string; result?: string; commits?: number }

/** Runs the scenario until it ends or kills itself. */
async function run(directory: string, killAt: number, when: 'before' | 'after'): Promise<{ acks: Ack[]; wasKilled: boolean }> {
  const path = join(dirname(directory), 'acks')
  const file = openSync(path, 'a')
  const argument = JSON.stringify({ directory, killAt, when, acksFile: 3 })
  const child = spawn(process.execPath, [...flags, fixture, argument], {
    stdio: ['ignore', 'inherit', 'inherit', file],
  })
  const [code, signal] = await once(child, 'exit')
  closeSync(file)
  if (signal !== 'SIGKILL') expect(code).toBe(0)
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return { acks: lines.map((line) => JSON.parse(line) as Ack), wasKilled: signal === 'SIGKILL' }
}

/** Opens what the dead process left, checks every acknowledgement, and finishes its tasks. */
async function check(directory: string, acks: readonly Ack[]): Promise<void> {
  const runtime = createRuntime({ store: `file:${directory}`, taskLeaseMs: 300 })
  try {
    const wanted = new Map<string, Json>()
    for (const ack of acks) if (ack.set !== undefined) wanted.set(ack.set, ack.value ?? null)
    // The last acknowledged value, or the next one that was on its way.
    const next: Record<string, Json[]> = { 'plain/a': [1, 2], 'plain/counter': [1], 'plain/gone': ['x', null] }
    for (const [key, value] of wanted) {
      const allowed = next[key]?.slice(next[key].indexOf(value)) ?? []
      expect(allowed, key).toContainEqual(await runtime.memory.get(key))
    }
    const submitted = acks.flatMap((ack) => (ack.submit === undefined ? [] : [ack.submit]))
    for (const id of submitted) expect(await runtime.task(id).record(), id).not.toBeNull()
    for (const ack of acks) {
      if (ack.result !== undefined) expect((await runtime.task(ack.result).record())?.status).toBe('completed')
      if (ack.cancel !== undefined) expect((await runtime.task(ack.cancel).record())?.status).toBe('cancelled')
    }
    const work = (task: { id: string; effect(key: string, value: unknown): void }) => {
      task.effect(`effects/${task.id}`, task.id)
      return { done: task.id }
    }
    runtime.spawnWorker({ handlers: { work, flaky: work } })
    const runnable = submitted.filter((id) => id !== 'dropped' && (id !== 'after' || submitted.includes('flaky')))
    for (const id of runnable) expect(await runtime.task(id).result()).toEqual({ done: id })
    for (const id of runnable) expect(await runtime.memory.get(`effects/${id}`)).toBe(id)
  } finally {
    await runtime.shutdown()
  }
}

test('killed before or after any of its commits, a process leaves everything it had acknowledged', {
  timeout: 240_000,
}, async () => {
  const points: [number, 'before' | 'after'][] = []
  const total = await withDirectory(async (directory) => {
    const { acks, wasKilled } = await run(directory, 0, 'before')
    expect(wasKilled).toBe(false)
    await check(directory, acks)
    return acks.at(-1)?.commits ?? 0
  })
  expect(total).toBeGreaterThan(10)
  // Commits are grouped by timing, so their number varies a little; points beyond the last one kill nothing.
  for (let at = 1; at <= total; at++) points.push([at, 'before'], [at, 'after'])
  let kills = 0
  const next = async (): Promise<void> => {
    for (let point = points.shift(); point !== undefined; point = points.shift()) {
      const [at, when] = point
      await withDirectory(async (directory) => {
        const { acks, wasKilled } = await run(directory, at, when)
        if (wasKilled) kills++
        await check(directory, acks)
      })
    }
  }
  await Promise.all([next(), next()])
  expect(kills).toBeGreaterThan(total)
})

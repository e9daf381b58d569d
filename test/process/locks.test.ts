/** One lock, several processes: a counter that is read and written plainly is exact; killed holders hurt nobody. */
import { createRuntime } from 'memory-sync'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { type Child, startChild, withDirectory } from './children.ts'

interface Counter {
  readonly n: number
  readonly epoch: number
  readonly pid: number
}

test('4 processes, 300 acquisitions each: the counter is exact', async () => {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const children = Array.from({ length: 4 }, () => startChild('lock-counter.ts', { store, times: 300, leaseMs: 30_000 }))
    for (const child of children) expect(await child.ended).toEqual({ code: 0, signal: null })
    const told = children.flatMap((child) => child.told as { n?: number; acquired?: number }[])
    expect(told.filter(({ acquired }) => acquired !== undefined)).toEqual(children.map(() => ({ acquired: 300 })))
    expect(new Set(told.map(({ n }) => n).filter((n) => n !== undefined)).size).toBe(1200)
    const runtime = createRuntime({ store, logger: silentLogger })
    expect(await runtime.memory.get('shared/counter')).toMatchObject({ n: 1200 })
    await runtime.shutdown()
  })
}, 120_000)

test('holders that are killed at random: no update of an older epoch follows one of a newer, and none is lost', async () => {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const start = (): Child => startChild('lock-counter.ts', { store, times: 1_000_000, leaseMs: 200 })
    const children = Array.from({ length: 4 }, start)
    const all = [...children]
    const runtime = createRuntime({ store, logger: silentLogger })
    const seen: Counter[] = []
    let kills = 0
    for await (const event of runtime.memory.watch('shared/counter')) {
      if (event.type !== 'set') continue
      const counter = event.value as unknown as Counter
      seen.push(counter)
      if (kills === 20) {
        if (seen.length > 400) break
        continue
      }
      // The holder itself, at some point between this write and its next.
      if (seen.length % 15 === 0) {
        const index = children.findIndex(({ process }) => process.pid === counter.pid)
        if (index === -1) continue
        kills++
        systemClock.setTimer(Math.random() * 5, () => {
          children[index]?.process.kill('SIGKILL')
          const next = start()
          children[index] = next
          all.push(next)
        })
      }
    }
    for (const { process } of children) process.kill('SIGKILL')
    await Promise.all(children.map(({ ended }) => ended))
    await runtime.shutdown()
    expect(kills).toBe(20)
    // A watch may skip what was overwritten at once; it never goes back.
    for (const [index, { n, epoch }] of seen.entries()) {
      const before = seen[index - 1]
      if (before === undefined) continue
      expect(n).toBeGreaterThan(before.n)
      expect(epoch).toBeGreaterThan(before.epoch)
    }
    // Each number was made by one: an update that was lost would be made again by the next.
    const told = all
      .flatMap((child) => child.told as Counter[])
      .filter(({ n }) => n !== undefined)
      .sort((a, b) => a.n - b.n)
    expect(new Set(told.map(({ n }) => n)).size).toBe(told.length)
    for (const [index, { epoch }] of told.entries()) expect(epoch).toBeGreaterThan(told[index - 1]?.epoch ?? 0)
  })
}, 120_000)

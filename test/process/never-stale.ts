/**
 * Two processes write to one file store and say so on pipes; this one reads what it was told of, from its cache. A pipe each,
 * so that both are often ready in one and the same poll of the event loop: what the second says may be newer than any look that
 * served the first. Owns the processes and the counts; knows no test runner.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Stored } from '../../src/ports/store.ts'
import { programOf } from '../program.ts'

/** Callbacks between two in which this process is busy for a while, so that much happens within one poll. */
const pauseEvery = 16
const pauseMs = 1
const staleToldMax = 10

export interface Reader {
  /** What the key holds now. */
  get(key: string): Promise<unknown>
  /** Synchronous, where there is such a read; undefined: it does not know. */
  fresh?(key: string): Stored | null | undefined
}

export interface NeverStaleCounts {
  readonly rounds: number
  readonly reads: number
  /** Reads that gave less than had been told: must be none. The first few, each with what it should have been at least. */
  readonly stale: readonly { readonly key: string; readonly atLeast: number; readonly given: unknown; readonly read: number }[]
}

export async function neverStale(url: string, rounds: number, reader: Reader): Promise<NeverStaleCounts> {
  const told = new Map<string, number>()
  let reads = 0
  const stale: NeverStaleCounts['stale'][number][] = []
  let callbacks = 0
  const check = (key: string, atLeast: number, given: unknown): void => {
    reads++
    const isStale = typeof given !== 'number' || given < atLeast
    if (isStale && stale.length < staleToldMax) stale.push({ key, atLeast, given, read: reads })
  }
  const read = async (key: string): Promise<void> => {
    const atLeast = told.get(key) ?? 0
    const hit = reader.fresh?.(key)
    if (hit !== undefined) check(key, atLeast, hit?.entry.value ?? 0)
    check(key, atLeast, (await reader.get(key)) ?? 0)
  }
  const keys = ['never-stale/a', 'never-stale/b']
  await Promise.all(
    keys.map(async (key) => {
      const writer = startWriter(url, key)
      const { stdin, stdout } = writer
      const ended = once(writer, 'exit')
      await new Promise<void>((resolve, reject) => {
        let text = ''
        writer.once('exit', (code, signal) => reject(new Error(`the writer of ${key} ended: ${code ?? signal}`)))
        stdout?.on('data', (bytes: Buffer) => {
          text += bytes.toString()
          const lines = text.split('\n')
          text = lines.pop() ?? ''
          // A look at the store, and now and then time for the others to commit and to tell before their own callback.
          for (const other of keys) void read(other)
          if (++callbacks % pauseEvery === 0) pause()
          const line = lines.at(-1)
          if (line === undefined) return
          const count = Number(line)
          told.set(key, count)
          // The next commit is on its way while this one's value and the other's are being read.
          if (count < rounds) stdin?.write('.')
          const reading = Promise.all([read(key), ...keys.map(read), read(key)])
          reading.then(() => (count >= rounds ? resolve() : undefined), reject)
        })
      })
      stdin?.end()
      await ended
    }),
  )
  return { rounds, reads, stale }
}

function pause(): void {
  const endMs = performance.now() + pauseMs
  while (performance.now() < endMs);
}

function startWriter(url: string, key: string): ChildProcess {
  const { flags, file } = programOf(new URL('./fixtures/never-stale-writer.ts', import.meta.url))
  return spawn(process.execPath, [...flags, file, JSON.stringify({ url, key })], { stdio: ['pipe', 'pipe', 'inherit'] })
}

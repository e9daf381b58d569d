/** Real child processes, for tests in which something is really killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programOf } from '../program.ts'

const fixtures = new URL('./fixtures/', import.meta.url)

export interface Child {
  readonly process: ChildProcess
  /** What it told by `process.send`, in order. */
  readonly told: readonly unknown[]
  /** Settles with exit code or signal. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Settles when it tells something for which the predicate holds. Rejects when it ends before. */
  hears(predicate: (message: unknown) => boolean): Promise<unknown>
}

export function startChild(fixture: string, argument: unknown): Child {
  const { flags, file } = programOf(new URL(fixture, fixtures))
  const child = fork(file, [JSON.stringify(argument)], {
    execArgv: [...flags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const told: unknown[] = []
  const listeners = new Set<() => void>()
  child.on('message', (message) => {
    told.push(message)
    for (const listener of [...listeners]) listener()
  })
  const ended = once(child, 'exit').then(([code, signal]) => {
    for (const listener of [...listeners]) listener()
    return { code, signal }
  })
  return {
    process: child,
    told,
    ended,
    async hears(predicate) {
      for (;;) {
        const found = told.find(predicate)
        if (found !== undefined) return found
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`${fixture} ended; it had told ${JSON.stringify(told)}`)
        await new Promise<void>((resolve) => {
          const listener = (): void => {
            listeners.delete(listener)
            resolve()
          }
          listeners.add(listener)
        })
      }
    },
  }
}

/** A directory for one store, gone when `work` has ended. */
export async function withDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'memory-sync-test-'))
  try {
    return await work(join(directory, 'store'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

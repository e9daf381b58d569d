/**
 * Processes that a run starts: one per figure, so that none inherits another's heap or compiled code, and those that a figure
 * needs beside it. Owns their start, the questions put to them and their end. Both sides of the channel are here.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { basename, extname } from 'node:path'
import { fileURLToPath } from 'node:url'

type Question = { readonly id: number; readonly ask: string; readonly payload: unknown }
type Answer = { readonly id: number; readonly answer?: unknown; readonly error?: string }

export interface Peer {
  ask<T>(ask: string, payload?: unknown): Promise<T>
  end(): Promise<void>
}

/** A script of this folder, without its ending: `.ts` when run from the sources, `.js` when built. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(new URL(import.meta.url).pathname)}`, import.meta.url))
}

/** @param path see {@link scriptPath}. @param execArgv flags of Node; default: those of this process. */
export function startPeer(path: string, execArgv: readonly string[] = process.execArgv): Peer {
  const script = basename(path)
  const child = fork(path, [], {
    execArgv: [...execArgv],
    serialization: 'advanced',
    // What a child prints must not mix with the figures.
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  let isEnding = false
  child.on('message', ({ id, answer, error }: Answer) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(answer)
    else asked?.reject(new Error(error))
  })
  child.on('exit', (code, signal) => {
    if (isEnding && waiting.size === 0) return
    const error = new Error(`${script} ended with ${signal ?? code} while it was needed`)
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  })
  return {
    ask<T>(ask: string, payload?: unknown): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        const id = ++lastId
        waiting.set(id, { resolve: (answer) => resolve(answer as T), reject })
        child.send({ id, ask, payload } satisfies Question, (cause) => {
          if (cause === null) return
          waiting.delete(id)
          reject(new Error(`${script} is gone`, { cause }))
        })
      })
    },
    async end() {
      isEnding = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.disconnect()
      // A peer that hangs must not hang the run.
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(killer)
    },
  }
}

/** In the peer: answers until the channel closes, then exits. */
export function servePeer(answers: { readonly [ask: string]: (payload: never) => unknown }): void {
  process.on('message', async ({ id, ask, payload }: Question) => {
    let reply: Answer
    try {
      const answer = answers[ask]
      if (answer === undefined) throw new Error(`no answer to ${JSON.stringify(ask)}`)
      reply = { id, answer: await answer(payload as never) }
    } catch (thrown) {
      reply = { id, error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) }
    }
    process.send?.(reply)
  })
  process.on('disconnect', () => process.exit(0))
}

/**
 * The worker processes: starts them, replaces one that dies unasked, drains or kills them. Knows processes and nothing of
 * tasks; what a dead worker was doing is for the shared memory to tell.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Processes that die unasked are replaced so often; then the job fails. */
export const replacementsMax = 5

export interface CrewOptions {
  readonly store: string
  readonly leaseMs: number
  note(text: string): void
  /** Nobody is left to work. */
  failed(error: Error): void
}

export class Crew {
  readonly #options: CrewOptions
  readonly #processById = new Map<string, ChildProcess>()
  #replacements = 0
  #isEnding = false

  constructor(options: CrewOptions) {
    this.#options = options
  }

  get ids(): string[] {
    return [...this.#processById.keys()]
  }

  /** Settles when the worker takes tasks. */
  async start(id: string): Promise<void> {
    const { store, leaseMs, note, failed } = this.#options
    const entry = fileURLToPath(new URL('./worker.ts', import.meta.url))
    // A group of its own would escape the terminal's Ctrl-C and outlive a closed terminal: so none.
    const child = fork(entry, [store, id, String(leaseMs)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#processById.set(id, child)
    child.once('exit', (code, signal) => {
      if (!this.#processById.delete(id) || this.#isEnding) return
      const next = `${id.replace(/\.\d+$/, '')}.${++this.#replacements + 1}`
      if (this.#replacements > replacementsMax) {
        failed(
          new Error(`worker processes died ${replacementsMax + 1} times, ${id} the last one (${signal ?? `exit code ${code}`})`),
        )
        return
      }
      note(`${id} died (${signal ?? `exit code ${code}`}); ${next} takes its place`)
      this.start(next).catch(failed)
    })
    const ended = new AbortController()
    child.once('exit', () => ended.abort())
    await once(child, 'message', { signal: ended.signal }).catch(() => {})
  }

  /** SIGKILL: no handler runs, nothing is said good-bye to. Settles when the process is gone. */
  async kill(id: string): Promise<void> {
    const child = this.#processById.get(id)
    if (child === undefined) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Running tasks may end; what takes too long goes back to the queue. Settles when all processes are gone. */
  async drain(): Promise<void> {
    this.#isEnding = true
    await Promise.all(
      [...this.#processById.values()].map(async (child) => {
        const exit = once(child, 'exit')
        if (child.connected) child.send('drain')
        await exit
      }),
    )
  }

  async killAll(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.ids.map((id) => this.kill(id)))
  }
}

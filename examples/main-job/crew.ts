/**
 * The worker processes: starts them, replaces one that dies unasked, drains or kills them. Knows processes and nothing of
 * tasks; what a dead worker was doing is for the shared memory to tell.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Processes that die unasked are replaced so often; then the job fails. */
export const replacementsMax = 5
/** A process that was asked to drain and is still there is killed. */
const drainMsMax = 15_000

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

  /** Settles when the worker takes tasks; rejects when its process ends before. */
  start(id: string): Promise<void> {
    const { store, leaseMs } = this.#options
    const entry = fileURLToPath(new URL('./worker.ts', import.meta.url))
    const child = fork(entry, [store, id, String(leaseMs)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#processById.set(id, child)
    return new Promise((resolve, reject) => {
      let isReady = false
      child.once('message', () => {
        isReady = true
        resolve()
      })
      child.once('exit', (code, signal) => {
        this.#processById.delete(id)
        const how = signal ?? `exit code ${code}`
        if (!isReady) reject(new Error(`${id} ended before it took tasks (${how})`))
        else if (!this.#isEnding) this.#replace(id, how)
      })
    })
  }

  #replace(id: string, how: string): void {
    const { note, failed } = this.#options
    if (this.#replacements++ >= replacementsMax) {
      failed(new Error(`worker processes died ${this.#replacements} times; the last one was ${id} (${how})`))
      return
    }
    const next = successorOf(id)
    note(`${id} died (${how}); ${next} takes its place`)
    this.start(next).catch(failed)
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
        const deadline = setTimeout(() => child.kill('SIGKILL'), drainMsMax)
        if (child.connected) child.send('drain')
        await exit
        clearTimeout(deadline)
      }),
    )
  }

  async killAll(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.ids.map((id) => this.kill(id)))
  }
}

/** worker-a, worker-a.2, worker-a.3, … */
function successorOf(id: string): string {
  const [name, life = '1'] = id.split('.')
  return `${name}.${Number(life) + 1}`
}

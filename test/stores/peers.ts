/** Starts other processes on a directory and talks with them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programOf } from '../program.ts'
import type { PeerAnswer, PeerRequest } from './fixtures/peer.ts'

const { flags, file } = programOf(new URL('./fixtures/peer.ts', import.meta.url))

export class Peer {
  readonly process: ChildProcess
  readonly told: { value: string | number; revision: number }[] = []
  readonly exited: Promise<number | string | null>
  #answers: PeerAnswer[] = []
  #waiting: (() => void)[] = []

  private constructor(directory: string) {
    this.process = fork(file, [directory], {
      execArgv: [...flags],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.process.on('message', (answer: PeerAnswer) => {
      if (answer.did === 'told') this.told.push(answer)
      else this.#answers.push(answer)
      this.#wake()
    })
    this.exited = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => {
        resolve(signal ?? code)
        this.#wake()
      })
    })
  }

  static async start(directory: string): Promise<Peer> {
    const peer = new Peer(directory)
    await peer.#until(() => peer.#answers.length > 0)
    peer.#answers.shift()
    return peer
  }

  /** Settles when the peer has done it. */
  async ask(request: PeerRequest): Promise<void> {
    this.send(request)
    await this.#until(() => this.#answers.length > 0)
    this.#answers.shift()
  }

  send(request: PeerRequest): void {
    this.process.send(request)
  }

  /** Waits until the peer has told so many things. */
  toldAtLeast(count: number): Promise<void> {
    return this.#until(() => this.told.length >= count)
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
    // What it had sent before it died is still on its way.
    if (this.process.connected) await once(this.process, 'disconnect')
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.process.exitCode !== null) throw new Error(`the peer ended with code ${this.process.exitCode}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** A directory that is removed with whatever was started on it. */
export function temporaryDirectory(): { path: string; onRemove: (() => unknown)[]; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), 'memory-sync-test-'))
  const onRemove: (() => unknown)[] = []
  return {
    path,
    onRemove,
    async remove() {
      for (const run of onRemove.reverse()) await run()
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Runs the real command line in child processes, in a directory of its own that goes when the test file ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { programOf } from '../program.ts'

const { flags, file } = programOf(new URL('../../src/cli/main.ts', import.meta.url))
/** What Node is to run as `memory-sync`, before the words of a command. */
export const commandLine: readonly string[] = [...flags, file]
/** A child that hangs is killed, so that its test fails by what it has printed and not by the runner's timeout. */
const childMsMax = 40_000

export interface Ended {
  /** null: killed. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface StartOptions {
  readonly stdin?: string
  /** An open file that takes its output. */
  readonly stdout?: number
  readonly env?: Readonly<Record<string, string>>
}

export class CommandLine {
  readonly directory = mkdtempSync(join(tmpdir(), 'memory-sync-cli-'))
  readonly #running = new Set<Running>()

  constructor() {
    afterAll(() => this.close())
  }

  /** The store of all calls that name no other. */
  get storeUrl(): string {
    return `file:${join(this.directory, 'store')}`
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text)
    return this.path(name)
  }

  /** Settles when it has ended. */
  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended
  }

  start(args: readonly string[], options: StartOptions = {}): Running {
    const env = { ...process.env, MEMORY_SYNC_STORE: this.storeUrl, MEMORY_SYNC_LOG: 'warn', ...options.env }
    const child = spawn(process.execPath, [...commandLine, ...args], {
      cwd: this.directory,
      env,
      stdio: ['pipe', options.stdout ?? 'pipe', 'pipe'],
    })
    const running = new Running(child)
    this.#running.add(running)
    void running.ended.then(() => this.#running.delete(running))
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.stdin ?? '')
    return running
  }

  async close(): Promise<void> {
    for (const running of this.#running) running.kill('SIGKILL')
    await Promise.all([...this.#running].map(({ ended }) => ended))
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export class Running {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #stdout = ''
  #stderr = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      this.#look()
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#look()
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), childMsMax)
    this.ended = new Promise((resolve) => {
      child.on('close', (code) => {
        clearTimeout(timer)
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
        this.#look()
      })
    })
  }

  /** Settles when one of the streams holds it. @throws with all that was printed, when the process ends before. */
  async says(pattern: RegExp): Promise<void> {
    let hasEnded = false
    void this.ended.then(() => {
      hasEnded = true
    })
    while (!pattern.test(this.#stdout) && !pattern.test(this.#stderr)) {
      if (hasEnded) throw new Error(`it ended without saying ${pattern}:\n${this.#stdout}\n${this.#stderr}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** As `| head` does. */
  closeStdout(): void {
    this.#child.stdout?.destroy()
  }

  #look(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}

/** Lines of JSON, or of anything else that is one value a line. */
export function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}

/** `run`: a module's handlers as workers, with the tasks of a file or for whatever comes. */
import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import { systemClock } from '../../platform.ts'
import type { Handler, Handlers } from '../../runtime/handlers.ts'
import { drainMsDefault } from '../../runtime/runtime.ts'
import { capacityMax } from '../../runtime/workers.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type HandlersModule, loadHandlers } from '../handlers-module.ts'
import { bar, Progress } from '../progress.ts'
import { type Cli, type CommonOptions, type Session, watchRuntime, withSession } from '../session.ts'
import { columnWidths, count, formatDuration, formatRow, jsonText, titles } from '../table.ts'
import { readTaskLines, type TaskLine } from '../task-file.ts'
import { type TaskEnd, TaskRun } from '../task-run.ts'

export const workersMax = 1000

interface RunOptions extends CommonOptions {
  readonly tasks?: string
  readonly capacity?: number
  readonly workers: number
  readonly drainMs: number
  readonly keep?: boolean
}

export function runCommand(cli: Cli): Command {
  return command('run', 'Run the handlers of a module as workers.', {
    details: `
The module exports handlers = { [type]: async (task) => output }, or has them (or
{ handlers, capacity }) as its default export. TypeScript works on Node 22.18 or newer,
or with tsx in the module's project.

With --tasks: submits every line, waits for all results, prints one line for each as it
ends. A line is an object { type, id?, input?, priority?, delayMs?, timeoutMs?,
maxAttempts?, backoff?, dependsOn?, onDependencyFailure? }. All lines are checked before
the first is submitted. An id that the store knows already is not run again: its result
is shown. Other pending tasks of these types are taken, too.
Without --tasks: works on what comes until Ctrl-C.

Ctrl-C drains: nothing new is started, what runs has --drain-ms to end, the rest goes
back to the queue. A second Ctrl-C exits at once with 130.`,
    examples: [
      ['run ./handlers.js --tasks tasks.jsonl', 'a batch; exit code 1 if a task fails'],
      ['run ./handlers.ts --capacity 10', 'a worker for ten tasks at once'],
      ['run ./handlers.js --tasks - --json < tasks.jsonl', 'results as JSON lines'],
    ],
  })
    .argument('<module>', 'path of the module')
    .option('--tasks <file>', 'a file with one task per line as JSON; - is standard input')
    .option('--capacity <n>', "tasks at once, per worker (default: the module's, else 1)", wholeNumber(1, capacityMax))
    .option('--workers <n>', 'workers in this process', wholeNumber(1, workersMax), 1)
    .option('--drain-ms <n>', 'how long running tasks may take to end', wholeNumber(0, 2 ** 31 - 1), drainMsDefault)
    .option('--keep', 'with --tasks: go on as a worker when they have ended')
    .action(async (path: string, _given: unknown, self: Command) => {
      const options = optionsOf<RunOptions>(self)
      if (options.keep === true && options.tasks === undefined) self.error('error: --keep needs --tasks')
      const module = await cli.interrupts.orThrow(loadHandlers(path, process.cwd()))
      const lines = options.tasks === undefined ? null : await cli.interrupts.orThrow(readTasks(options.tasks, module))
      const run = new Run(cli, options, module, lines)
      const sessionOptions = { workerId: null, endsItself: true, drainMs: options.drainMs } as const
      await withSession(cli, options, (session) => run.work(session), sessionOptions)
      cli.exitCode = await run.end()
    })
}

async function readTasks(path: string, { handlers }: HandlersModule): Promise<TaskLine[]> {
  const source = path === '-' ? process.stdin : createReadStream(path)
  source.setEncoding('utf8')
  try {
    return await readTaskLines(source, path === '-' ? 'standard input' : path, Object.keys(handlers))
  } catch (thrown) {
    if (thrown instanceof MemorySyncError) throw thrown
    throw new MemorySyncError('invalid_option', `the tasks in ${quote(path)} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    })
  }
}

/** One call of the command. */
class Run {
  readonly #cli: Cli
  readonly #options: RunOptions
  readonly #module: HandlersModule
  readonly #lines: readonly TaskLine[] | null
  readonly #startedMs = systemClock.monotonicMs()
  #tasks: TaskRun | null = null
  #working: Promise<void> = Promise.resolve()
  #storeUrl = ''
  /** Nobody else will finish what is left. */
  #isPrivate = false
  #phase: 'submitting' | 'working' | 'ended' = 'submitting'
  #running = 0
  #started = 0

  constructor(cli: Cli, options: RunOptions, module: HandlersModule, lines: readonly TaskLine[] | null) {
    this.#cli = cli
    this.#options = options
    this.#module = module
    this.#lines = lines
  }

  /** Settles when there is nothing more to do or Ctrl-C came; the end of the session then drains. */
  async work(session: Session): Promise<void> {
    this.#storeUrl = session.runtime.storeUrl
    this.#isPrivate = session.store.features.reach === 'process'
    const { output, interrupts } = this.#cli
    const progress = new Progress(output, systemClock, () => this.#progressText(), this.#lines === null ? 30_000 : 5000)
    const watched = watchRuntime(session)
    this.#working = this.#workOn(session)
    // While draining it goes on; `end` looks at what became of it.
    this.#working.catch(() => {})
    try {
      await Promise.race([this.#working, interrupts.happened(), watched.gaveUp])
    } finally {
      watched.stop()
      progress.stop()
    }
    if (this.#running > 0) {
      const what = `${count(this.#running, 'running task')} ${this.#running === 1 ? 'has' : 'have'}`
      const again = interrupts.wasSignalled ? 'Ctrl-C again' : 'Ctrl-C twice'
      output.say(`draining: ${what} ${formatDuration(this.#options.drainMs)} to end; ${again} exits at once`)
    }
  }

  /** After the session: the last word, and the exit code. */
  async end(): Promise<ExitCode> {
    const { interrupts, output } = this.#cli
    try {
      await this.#working
    } catch (thrown) {
      // What the end of the runtime cut short is told below, as unfinished.
      const isCutShort = interrupts.signal.aborted && thrown instanceof MemorySyncError && thrown.code === 'closed'
      if (!isCutShort) throw thrown
    }
    if (this.#tasks === null || this.#phase === 'ended') output.say(`ended after ${count(this.#started, 'handler run')}`)
    if (this.#tasks === null) return exitCodes.ok
    this.#summarize(this.#tasks)
    const { ended, total, notCompleted } = this.#tasks
    if (ended < total && interrupts.wasSignalled) return exitCodes.interrupted
    return notCompleted > 0 ? exitCodes.failed : exitCodes.ok
  }

  async #workOn(session: Session): Promise<void> {
    const { output, interrupts } = this.#cli
    if (this.#lines !== null) {
      this.#tasks = new TaskRun(session.runtime, this.#lines)
      await this.#tasks.submit(interrupts.signal)
    }
    if (interrupts.signal.aborted) return
    this.#spawn(session)
    this.#phase = 'working'
    if (this.#tasks === null) {
      const types = Object.keys(this.#module.handlers).join(', ')
      output.say(`working on ${types} from ${this.#storeUrl}; Ctrl-C drains`)
      return interrupts.happened()
    }
    await this.#tellResults(this.#tasks)
    // The others were cut short. Without Ctrl-C it was the runtime that gave up: it says why.
    if (this.#tasks.ended < this.#tasks.total && !interrupts.signal.aborted) await session.runtime.ready()
    if (this.#options.keep !== true || interrupts.signal.aborted) return
    this.#summarize(this.#tasks)
    output.say('going on as a worker; Ctrl-C drains')
    await interrupts.happened()
  }

  #spawn({ runtime }: Session): void {
    const { workers, capacity = this.#module.capacity } = this.#options
    const handlers = this.#counted(this.#module.handlers)
    for (let worker = 0; worker < workers; worker++) {
      runtime.spawnWorker({ handlers, ...(capacity === undefined ? {} : { capacity }) })
    }
  }

  #counted(handlers: Handlers): Handlers {
    const counted = Object.entries(handlers).map(([type, handler]): [string, Handler] => [
      type,
      async (task) => {
        this.#running++
        this.#started++
        try {
          return await handler(task)
        } finally {
          this.#running--
        }
      },
    ])
    return Object.fromEntries(counted)
  }

  async #tellResults(tasks: TaskRun): Promise<void> {
    const { output } = this.#cli
    const types = Object.keys(this.#module.handlers)
    const widest = ['x'.repeat(tasks.idWidth), 'completed', types.reduce((a, b) => (a.length < b.length ? b : a), '')]
    const widths = columnWidths(columns, [widest])
    if (!output.isJson && tasks.total > 0) await output.line(titles(columns, widths, output.lineMax))
    await tasks.results((end) =>
      output.isJson ? output.json(end) : output.line(formatRow(columns, widths, cellsOf(end), output.lineMax)),
    )
  }

  #progressText(): string {
    if (this.#tasks === null || this.#phase === 'ended') return `${this.#running} running, ${count(this.#started, 'handler run')}`
    const { ended, total, notCompleted } = this.#tasks
    if (this.#phase === 'submitting') return `submitting ${count(total, 'task')}`
    const bad = notCompleted === 0 ? '' : `, ${notCompleted} not completed`
    const line = `${ended} of ${count(total, 'task')} ended${bad}, ${this.#running} running`
    return this.#cli.output.hasLiveLine ? `${bar(ended, total)} ${line}` : line
  }

  /** Once. */
  #summarize({ total, submitted, ended, notCompleted, existing }: TaskRun): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    const tookMs = systemClock.monotonicMs() - this.#startedMs
    const parts = [`${ended - notCompleted} completed`]
    if (notCompleted > 0) parts.push(`${notCompleted} failed or cancelled`)
    if (ended < submitted)
      parts.push(`${submitted - ended} unfinished ${this.#isPrivate ? 'and lost with' : 'in'} ${this.#storeUrl}`)
    if (submitted < total) parts.push(`${total - submitted} not submitted`)
    if (existing > 0) parts.push(`${existing} known from before and not run again (memory-sync replay does that)`)
    this.#cli.output.say(`${count(total, 'task')} in ${formatDuration(tookMs)}: ${parts.join(', ')}`)
  }
}

const columns = [{ title: 'TASK' }, { title: 'STATUS' }, { title: 'TYPE' }, { title: 'RESULT' }] as const

function cellsOf(end: TaskEnd): string[] {
  const result = end.status === 'completed' ? jsonText(end.output) : `${end.error.name}: ${end.error.message}`
  return [end.id, end.status, end.type, result]
}

/**
 * The main job: two processes share one memory and index the text files of a directory; one is killed half-way, and the
 * result is right all the same. Run it with `npm start`; `npm start -- --help` tells the rest.
 *
 * This process submits the tasks, follows them through the shared memory and checks the result. It does no task itself.
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime, type TaskRecord } from 'memory-sync'
import { type Args, argsOf, help, UsageError } from './args.ts'
import { Board } from './board.ts'
import { Crew } from './crew.ts'
import { changedSince, type Listing, listText } from './files.ts'
import { type Looking, serveTo } from './inspect.ts'
import { runJob } from './job.ts'
import { differences, plainRun } from './plain-run.ts'
import { planOf } from './plan.ts'
import { Progress } from './progress.ts'
import { type Summary, summaryOf, summaryText } from './summary.ts'

/** Short, so that a takeover can be watched; long enough for a worker whose processor has much else to do. */
const leaseMs = 5000
/** Nothing has changed for so long: something is wrong, and the memory is asked what. */
const stallMs = 60_000

class Interrupted extends Error {}

async function main(args: Args): Promise<number> {
  const directory = args.directory === null ? fileURLToPath(new URL('../..', import.meta.url)) : fromHere(args.directory)
  const listing = await listText(directory).catch((cause: Error) => {
    throw new UsageError(cause.message, { cause })
  })
  if (listing.files.length === 0) throw new UsageError(`${directory} has no text files`)
  const temporary = args.store === null ? await mkdtemp(join(tmpdir(), 'memory-sync-')) : null
  const store = `file:${temporary ?? fromHere(args.store?.slice('file:'.length) ?? '')}`
  const forget = (): void => {
    if (temporary !== null && !args.keep) rmSync(temporary, { recursive: true, force: true })
  }
  try {
    const show = (summary: Summary): void => console.log(args.json ? JSON.stringify(summary, null, 2) : summaryText(summary))
    const summary = await runAndCheck({ directory, listing, store, kill: args.kill, inspect: args.inspect, show, forget })
    if (!args.inspect) console.error('\nWatch it happen, in a browser: npm start -- --inspect')
    return summary.check.isEqual ? 0 : 1
  } finally {
    forget()
  }
}

interface Run {
  readonly directory: string
  readonly listing: Listing
  readonly store: string
  /** Whether a worker is to be killed half-way. */
  readonly kill: boolean
  /** Whether somebody wants to look into it, before and after. */
  readonly inspect: boolean
  show(summary: Summary): void
  /** Removes what is temporary. */
  forget(): void
}

async function runAndCheck({ directory, listing, store, kill, inspect, show, forget }: Run): Promise<Summary> {
  const plan = planOf(listing.files)
  const total = plan.fileTasks.length + plan.mergeTasks.length
  const progress = new Progress(total)
  const note = (text: string): void => progress.note(text)
  note(`${listing.files.length} files of ${directory}: ${total} tasks, leases of ${leaseMs / 1000} s, shared memory ${store}`)

  let fail: (error: Error) => void = () => {}
  const trouble = new Promise<never>((_, reject) => {
    fail = reject
  })
  const runtime = createRuntime({ store, workerId: 'main', taskLeaseMs: leaseMs })
  const crew = new Crew({ store, leaseMs, note, failed: (error) => fail(error) })
  const board = new Board(runtime.memory, plan.job)
  const names = new Map(plan.fileTasks.map(({ id = '' }, file) => [id, listing.files[file]?.name ?? id]))
  const nameOf = (task: string): string => names.get(task) ?? task.slice(plan.job.length + 1)

  let looking: Looking | null = null
  let isWaitingForUser = inspect
  const stall = setTimeout(() => {
    if (isWaitingForUser) stall.refresh()
    else void explainStall(runtime, board).then(fail, fail)
  }, stallMs)
  board.onChange((record, before) => {
    stall.refresh()
    const { completed, processing, failed } = board.counts
    progress.update(board.ended, `${completed} completed, ${processing} processing${failed > 0 ? `, ${failed} failed` : ''}`)
    const loser = before === undefined ? null : takenOverFrom(record, before)
    if (loser !== null && !isStopping) {
      const taker = record.owner === loser ? `${loser} itself took it again` : `${record.owner} took it over`
      note(`${record.id} (${nameOf(record.id)}): the lease of ${loser} was over, ${taker}`)
    }
  })
  let isStopping = false
  const interrupt = (): void => {
    isStopping = true
    note('stopping: running tasks may end, Ctrl-C again kills')
    process.on('SIGINT', () => {
      void crew.killAll()
      forget()
      process.exit(130)
    })
    fail(new Interrupted(`interrupted with ${board.ended} of ${total} tasks done`))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    if (inspect) {
      looking = await serveTo(runtime, note)
      await Promise.race([trouble, looking.begin])
      isWaitingForUser = false
      stall.refresh()
    }
    board.follow().catch(fail)
    const outcome = await Promise.race([trouble, runJob({ plan, runtime, crew, board, kill, note })])
    note('checking the result against a plain run in one process')
    const plainStartedMs = performance.now()
    const plain = await Promise.race([trouble, plainRun(listing.files)])
    const plainMs = performance.now() - plainStartedMs
    const found = differences(listing.files, outcome, plain)
    const changed = found.length === 0 ? [] : await changedSince(listing.files)
    found.unshift(...changed.map((name) => `${name} was changed while the job ran: run it again`))
    const check = { differences: found, plainMs }
    const summary = summaryOf({ directory, store, listing, outcome, board, check, nameOf })
    progress.end()
    show(summary)
    if (looking !== null) {
      isWaitingForUser = true
      note(`\nThe inspector is still there: ${looking.url}\nCtrl-C ends it.`)
      await trouble.catch((error: Error) => {
        if (!(error instanceof Interrupted)) throw error
      })
    }
    return summary
  } finally {
    clearTimeout(stall)
    await looking?.close()
    await crew.drain()
    board.close()
    await runtime.shutdown()
    progress.end()
  }
}

/** A takeover ends one epoch, and the claim behind it begins the next but one. Who lost the task; null: it was not taken over now. */
function takenOverFrom(record: TaskRecord, before: TaskRecord): string | null {
  const last = record.takeovers?.at(-1)
  return last !== undefined && record.epoch === last.epoch + 2 && before.epoch < record.epoch ? last.worker : null
}

async function explainStall(runtime: Runtime, board: Board): Promise<Error> {
  const stuck = ['processing', 'pending'].map((status) => board.records.find((record) => record.status === status))
  const id = stuck.find((record) => record !== undefined)?.id
  const reason = id === undefined ? 'No task was seen.' : `${id}: ${(await runtime.explain(id)).reason}`
  return new Error(`nothing has changed for ${stallMs / 1000} s. ${reason}`)
}

/** A path as the user meant it: npm runs scripts in the package's directory, wherever it was called. */
function fromHere(path: string): string {
  return resolve(process.env.INIT_CWD ?? '.', path)
}

try {
  const args = argsOf(process.argv.slice(2))
  if (args.help) console.log(help)
  else process.exitCode = await main(args)
} catch (thrown) {
  const { message } = thrown as Error
  console.error(thrown instanceof UsageError ? `${message}\nnpm start -- --help tells what can be given.` : message)
  process.exitCode = thrown instanceof UsageError ? 2 : thrown instanceof Interrupted ? 130 : 1
}

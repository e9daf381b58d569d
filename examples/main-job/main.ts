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
import { createRuntime, type Runtime } from 'memory-sync'
import { type Args, argsOf, help, UsageError } from './args.ts'
import { Board } from './board.ts'
import { Crew } from './crew.ts'
import { type Listing, listText } from './files.ts'
import { killHalfWay } from './kill.ts'
import { differences, plainRun } from './plain-run.ts'
import { type FileResult, type Plan, planOf } from './plan.ts'
import { Progress } from './progress.ts'
import { type Summary, summaryText } from './summary.ts'
import { type Index, merged } from './text-index.ts'

/** Short, so that a takeover can be watched. */
const leaseMs = 2000
/** Nothing has changed for so long: something is wrong, and the memory is asked what. */
const stallMs = 60_000

class Interrupted extends Error {}

async function main(args: Args): Promise<number> {
  const directory = args.directory === null ? fileURLToPath(new URL('../..', import.meta.url)) : fromHere(args.directory)
  const listing = await listText(directory)
  if (listing.files.length === 0) throw new UsageError(`${directory} has no text files`)
  const temporary = args.store === null ? await mkdtemp(join(tmpdir(), 'memory-sync-')) : null
  const store = `file:${temporary ?? fromHere((args.store as string).slice('file:'.length))}`
  const forget = (): void => {
    if (temporary !== null && !args.keep) rmSync(temporary, { recursive: true, force: true })
  }
  try {
    const summary = await runJob(directory, listing, store, args, forget)
    console.log(args.json ? JSON.stringify(summary, null, 2) : summaryText(summary))
    return summary.check.isEqual ? 0 : 1
  } finally {
    forget()
  }
}

async function runJob(directory: string, listing: Listing, store: string, args: Args, forget: () => void): Promise<Summary> {
  const plan = planOf(listing.files)
  const tasks = [...plan.fileTasks, ...plan.mergeTasks]
  const progress = new Progress(tasks.length)
  progress.note(`${listing.files.length} files of ${directory}: ${tasks.length} tasks, shared memory ${store}`)

  let fail: (error: Error) => void = () => {}
  const trouble = new Promise<never>((_, reject) => {
    fail = reject
  })
  const runtime = createRuntime({ store, workerId: 'main', taskLeaseMs: leaseMs })
  const crew = new Crew({ store, leaseMs, note: (text) => progress.note(text), failed: (error) => fail(error) })
  const board = new Board(runtime.memory, plan.job)
  const names = new Map(plan.fileTasks.map(({ id = '' }, file) => [id, listing.files[file]?.name ?? id]))
  const nameOf = (task: string): string => names.get(task) ?? task.slice(plan.job.length + 1)

  const stall = setTimeout(() => void explainStall(runtime, board).then(fail, fail), stallMs)
  board.onChange((record, before) => {
    stall.refresh()
    const { completed, processing, failed } = board.counts
    progress.update(board.ended, `${completed} completed, ${processing} processing${failed > 0 ? `, ${failed} failed` : ''}`)
    const takeover = record.takeovers?.at(-1)
    if (before !== undefined && takeover !== undefined && record.takeovers?.length !== before.takeovers?.length) {
      progress.note(`${nameOf(record.id)} was taken from ${takeover.worker}`)
    }
  })
  const interrupt = (): void => {
    progress.note('stopping: running tasks may end, Ctrl-C again kills')
    process.once('SIGINT', () => {
      void crew.killAll()
      forget()
      process.exit(130)
    })
    const resume = args.store === null ? '' : '; the same command continues there'
    fail(new Interrupted(`interrupted with ${board.ended} of ${tasks.length} tasks done${resume}`))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    board.follow().catch(fail)
    return await Promise.race([trouble, work()])
  } finally {
    clearTimeout(stall)
    await crew.drain()
    board.close()
    await runtime.shutdown()
    progress.end()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }

  async function work(): Promise<Summary> {
    await Promise.all([crew.start('worker-a'), crew.start('worker-b')])
    const startedMs = performance.now()
    const handles = await Promise.all(tasks.map((task) => runtime.submit(task)))
    const killing = args.kill ? killHalfWay(runtime, crew, board, tasks.length, (text) => progress.note(text)) : null
    const results = await Promise.all(handles.map((handle) => handle.result()))
    const durationMs = performance.now() - startedMs
    const killed = await killing
    await board.until(() => board.ended === tasks.length)
    const facts = results.slice(0, listing.files.length).map((result) => result as FileResult)
    const index = await indexOf(runtime, plan)

    progress.note('checking the result against a plain run in one process')
    const plainStartedMs = performance.now()
    const plain = await plainRun(listing.files)
    const plainMs = performance.now() - plainStartedMs
    const found = differences(listing.files, { facts, index }, plain)
    const sum = (count: (result: FileResult) => number): number => facts.reduce((all, result) => all + count(result), 0)
    const tasksByWorker: Record<string, number> = {}
    for (const { owner = 'nobody' } of board.records) tasksByWorker[owner] = (tasksByWorker[owner] ?? 0) + 1
    return {
      directory,
      store,
      files: listing.files.length,
      leftOut: listing.leftOut,
      lines: sum(({ lines }) => lines),
      words: sum(({ words }) => words),
      bytes: sum(({ bytes }) => bytes),
      packedBytes: sum(({ packedBytes }) => packedBytes),
      distinctWords: index.length,
      tasks: tasks.length,
      attempts: board.records.reduce((all, { attempts }) => all + attempts, 0),
      durationMs: Math.round(durationMs),
      tasksPerSecond: Math.round(tasks.length / (durationMs / 1000)),
      tasksByWorker,
      killed,
      takeovers: board.takeovers.map((takeover) => ({ ...takeover, what: nameOf(takeover.task) })),
      check: { isEqual: found.length === 0, differences: found, plainMs: Math.round(plainMs) },
    }
  }
}

async function indexOf(runtime: Runtime, { indexKeys }: Plan): Promise<Index> {
  const parts = await Promise.all(indexKeys.map((key) => runtime.memory.get(key)))
  return merged(parts.map((part) => (part ?? []) as Index))
}

async function explainStall(runtime: Runtime, board: Board): Promise<Error> {
  const stuck =
    board.records.find(({ status }) => status === 'processing') ?? board.records.find(({ status }) => status === 'pending')
  const reason = stuck === undefined ? 'no task was seen' : `${stuck.id}: ${(await runtime.explain(stuck.id)).reason}`
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

/** The job's outcome as data, and as text for people. Counts and formats; decides nothing but whether the check held. */
import type { Board, Takeover } from './board.ts'
import type { Listing } from './files.ts'
import type { JobOutcome } from './job.ts'
import type { Killed } from './kill.ts'
import type { TextFacts } from './text-index.ts'

export interface Summary {
  readonly directory: string
  readonly store: string
  readonly files: number
  readonly leftOut: Listing['leftOut']
  readonly lines: number
  readonly words: number
  readonly bytes: number
  readonly packedBytes: number
  readonly distinctWords: number
  readonly tasks: number
  /** Handler starts: more than tasks, if some had to be started again. */
  readonly attempts: number
  readonly durationMs: number
  readonly tasksPerSecond: number
  /** Tasks that each worker has ended. */
  readonly tasksByWorker: Readonly<Record<string, number>>
  /** The worker that was killed and the tasks that it then had in its hands. */
  readonly killed: Killed | null
  readonly takeovers: readonly (Takeover & { readonly what: string })[]
  readonly check: { readonly isEqual: boolean; readonly differences: readonly string[]; readonly plainMs: number }
}

export interface SummaryParts {
  readonly directory: string
  readonly store: string
  readonly listing: Listing
  readonly outcome: JobOutcome
  readonly board: Board
  readonly check: { readonly differences: readonly string[]; readonly plainMs: number }
  /** A task's id as people know it. */
  nameOf(task: string): string
}

export function summaryOf({ directory, store, listing, outcome, board, check, nameOf }: SummaryParts): Summary {
  const { records } = board
  const { facts, durationMs } = outcome
  const sum = (fact: (of: TextFacts) => number): number => facts.reduce((all, of) => all + fact(of), 0)
  const tasksByWorker: Record<string, number> = {}
  for (const { owner = 'nobody' } of records) tasksByWorker[owner] = (tasksByWorker[owner] ?? 0) + 1
  return {
    directory,
    store,
    files: listing.files.length,
    leftOut: listing.leftOut,
    lines: sum(({ lines }) => lines),
    words: sum(({ words }) => words),
    bytes: sum(({ bytes }) => bytes),
    packedBytes: sum(({ packedBytes }) => packedBytes),
    distinctWords: outcome.index.length,
    tasks: records.length,
    attempts: records.reduce((all, { attempts }) => all + attempts, 0),
    durationMs: Math.round(durationMs),
    tasksPerSecond: Math.round(records.length / (durationMs / 1000)),
    tasksByWorker,
    killed: outcome.killed,
    takeovers: board.takeovers.map((takeover) => ({ ...takeover, what: nameOf(takeover.task) })),
    check: { isEqual: check.differences.length === 0, differences: check.differences, plainMs: Math.round(check.plainMs) },
  }
}

export function summaryText(summary: Summary): string {
  const { leftOut, killed, takeovers, check } = summary
  const reasons = Object.entries({ binary: leftOut.binary, 'too large': leftOut.tooLarge, unreadable: leftOut.unreadable })
  const skipped = reasons.filter(([, count]) => count > 0).map(([reason, count]) => `${count} ${reason}`)
  const lines = [
    '',
    ...table([
      ['directory', summary.directory],
      ['files', count(summary.files) + (skipped.length === 0 ? '' : ` (left out: ${skipped.join(', ')})`)],
      ['lines', count(summary.lines)],
      ['words', count(summary.words)],
      ['bytes', `${count(summary.bytes)} (${count(summary.packedBytes)} packed)`],
      ['distinct words', count(summary.distinctWords)],
      ['tasks', count(summary.tasks)],
      ['attempts', count(summary.attempts)],
      ['duration', `${seconds(summary.durationMs)} (${count(summary.tasksPerSecond)} tasks/s)`],
      ...Object.entries(summary.tasksByWorker)
        .sort()
        .map(([worker, tasks]) => [`by ${worker}`, `${count(tasks)} tasks`] as const),
      ['shared memory', summary.store],
    ]),
    '',
  ]
  if (killed !== null) lines.push(`${killed.worker} was killed with ${killed.tasks.length} tasks in its hands.`)
  if (takeovers.length > 0) {
    lines.push(`Taken over after the lease (${takeovers.length}):`)
    lines.push(
      ...table(
        takeovers.map(({ what, task, from, to, attempts }) => [
          `  ${what}`,
          `${from} -> ${to}, ended in attempt ${attempts} (${task})`,
        ]),
      ),
    )
  }
  lines.push(
    '',
    check.isEqual
      ? `OK: equal to a plain run in one process (which took ${seconds(check.plainMs)}).`
      : `WRONG: differs from a plain run in one process:\n${check.differences.map((difference) => `  ${difference}`).join('\n')}`,
  )
  return lines.join('\n')
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

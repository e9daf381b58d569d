/** `tasks`: the records of tasks, what runs and waits first, then what ended last. */
import { type Command, Option } from 'commander'
import { compareInQueue, isEnded, type TaskRecord, type TaskStatus } from '../../domain/task-record.ts'
import { systemClock } from '../../platform.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { isReadable, readRecords } from '../records.ts'
import { type Cli, type Session, withSession } from '../session.ts'
import { formatDuration } from '../table.ts'

export const tasksShownDefault = 50
export const tasksShownMax = 10_000

interface TasksOptions {
  readonly status?: TaskStatus
  readonly type?: string
  readonly limit: number
}

const statuses: readonly TaskStatus[] = ['pending', 'processing', 'completed', 'failed', 'cancelled']

export function tasksCommand(cli: Cli): Command {
  return command('tasks', 'List tasks.', {
    details: `
Running tasks come first, then waiting ones in the order of the queue, then ended ones,
the last to end first. With --json every line is a task's whole record.`,
    examples: [
      ['tasks', 'the first 50'],
      ['tasks --status failed --type embed', 'of one kind'],
      ['tasks --limit 10000 --json | jq -r .id', 'for scripts'],
    ],
  })
    .addOption(new Option('--status <status>', 'only tasks in this status').choices(statuses))
    .option('--type <type>', 'only tasks of this type')
    .option('--limit <n>', 'at most so many', wholeNumber(1, tasksShownMax), tasksShownDefault)
    .action(async (_given: unknown, self: Command) => {
      const options = optionsOf<TasksOptions>(self)
      await withSession(cli, options, async (session) => {
        const { shown, found } = await firstTasks(session, options)
        if (cli.output.isJson) for (const record of shown) await cli.output.json(record)
        else if (shown.length > 0)
          await cli.output.table(
            columns,
            shown.map((record) => cellsOf(record, systemClock.wallMs())),
          )
        if (found === 0) cli.output.say(`no such tasks in namespace ${session.runtime.namespace} of ${session.runtime.storeUrl}`)
        else if (found > shown.length) cli.output.say(`${shown.length} of ${found} tasks are shown; --limit shows more`)
      })
    })
}

async function firstTasks(session: Session, { status, type, limit }: TasksOptions) {
  let found = 0
  let shown: TaskRecord[] = []
  const best = (): TaskRecord[] => shown.sort(compareForList).slice(0, limit)
  for await (const record of readRecords(session)) {
    if (!isReadable(record)) continue
    if ((status !== undefined && record.status !== status) || (type !== undefined && record.type !== type)) continue
    found++
    // An input may be large: what is not shown is not kept.
    shown.push(record)
    if (shown.length >= limit * 2) shown = best()
  }
  return { shown: best(), found }
}

const rankByStatus = { processing: 0, pending: 1, completed: 2, failed: 2, cancelled: 2 } as const

export function compareForList(a: TaskRecord, b: TaskRecord): number {
  const byRank = rankByStatus[a.status] - rankByStatus[b.status]
  if (byRank !== 0) return byRank
  return isEnded(a) ? (b.endedMs ?? 0) - (a.endedMs ?? 0) || compareInQueue(b, a) : compareInQueue(a, b)
}

const columns = [
  { title: 'TASK' },
  { title: 'STATUS' },
  { title: 'TYPE' },
  { title: 'PRIORITY', align: 'right' },
  { title: 'ATTEMPTS', align: 'right' },
  { title: 'SINCE', align: 'right' },
  { title: 'NOTE' },
] as const

function cellsOf(record: TaskRecord, nowMs: number): string[] {
  const sinceMs = record.endedMs ?? record.enqueued[0]
  return [
    record.id,
    record.status,
    record.type ?? '-',
    String(record.priority),
    `${record.attempts}/${record.maxAttempts}`,
    formatDuration(nowMs - sinceMs),
    noteOf(record),
  ]
}

function noteOf(record: TaskRecord): string {
  const { status, error, owner, cancelRequested, dependsOn } = record
  if (status === 'processing') return cancelRequested === undefined ? `at ${owner}` : `at ${owner}, to be cancelled`
  if (status === 'cancelled') return cancelRequested ?? ''
  if (status === 'pending' && error === undefined && dependsOn !== undefined) return `after ${dependsOn.join(', ')}`
  return error?.message ?? ''
}

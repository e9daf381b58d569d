/** `status`: where the memory lies, who works on it, how long the queue is, and what looks wrong. */
import type { Command } from 'commander'
import { momentOf } from '../../domain/deadline.ts'
import { systemClock } from '../../platform.ts'
import { readWorkers } from '../../wire/worker-documents.ts'
import { command, optionsOf } from '../documented.ts'
import { OverviewFold, type WorkerRow } from '../overview.ts'
import { readRecords } from '../records.ts'
import { type Cli, type Session, withSession } from '../session.ts'
import { formatDuration, printable } from '../table.ts'

const chosenBy = {
  option: '--store',
  environment: 'MEMORY_SYNC_STORE',
  default: 'the default',
} as const

const reachText = {
  process: 'private to one process',
  machine: 'shared by the processes of this machine',
  network: 'shared over the network',
} as const

export function statusCommand(cli: Cli): Command {
  return command('status', 'Show the store, the workers, the queue, and what looks wrong.', {
    details: 'A worker is alive while its heartbeat has not expired (30 s, or six of its intervals).',
    examples: [
      ['status', 'of the default store'],
      ['status --store file:/srv/app/.memory-sync', 'of another one'],
      ['status --json | jq .queue.pending', 'for scripts'],
    ],
  }).action(async (_given: unknown, self: Command) => {
    await withSession(cli, optionsOf(self), async (session) => {
      const report = await reportOf(session)
      if (cli.output.isJson) await cli.output.json(report)
      else await print(cli, report)
    })
  })
}

async function reportOf(session: Session) {
  const { store, runtime, storeFrom } = session
  const { durability, reach } = store.features
  const fold = new OverviewFold()
  for await (const record of readRecords(session)) fold.add(record, momentOf(systemClock))
  const overview = fold.end(await readWorkers(runtime.memory, session.keys, systemClock.wallMs()))
  const problems = [...overview.problems, ...session.problems.map(({ code, message }) => `${code}: ${message}`)]
  return {
    store: { url: store.url, chosenBy: storeFrom, durability, reach, revision: await store.head() },
    namespace: runtime.namespace,
    ...overview,
    problems,
  }
}

async function print({ output }: Cli, report: Awaited<ReturnType<typeof reportOf>>): Promise<void> {
  const { store, namespace, queue, workers, workersNotShown, problems } = report
  const counts = Object.entries(queue).map(([status, number]) => `${number} ${status}`)
  const facts: readonly (readonly [string, string])[] = [
    ['store', `${store.url} (${chosenBy[store.chosenBy]})`],
    ['durability', `${store.durability}, ${reachText[store.reach]}`],
    ['revision', String(store.revision)],
    ['namespace', namespace],
    ['queue', counts.join(', ')],
  ]
  for (const [name, text] of facts) await output.line(`${name.padEnd(12)}${printable(text)}`)
  await output.line('')
  if (workers.length === 0) await output.line('no workers')
  else await output.table(workerColumns, workers.map(workerCells))
  if (workersNotShown > 0) await output.line(`(${workersNotShown} that left ${workersNotShown === 1 ? 'is' : 'are'} not shown)`)
  await output.line('')
  if (problems.length === 0) await output.line('no problems')
  for (const problem of problems) await output.line(`! ${printable(problem)}`)
}

const workerColumns = [
  { title: 'WORKER' },
  { title: 'STATE' },
  { title: 'RUNNING', align: 'right' },
  { title: 'CAPACITY', align: 'right' },
  { title: 'HEARTBEAT' },
  { title: 'TYPES' },
] as const

function workerCells({ id, state, isAlive, heartbeatAgeMs, running, capacity, types }: WorkerRow): string[] {
  return [
    id,
    isAlive || state === 'offline' ? state : 'gone',
    String(running),
    capacity === null ? '-' : String(capacity),
    heartbeatAgeMs === null ? 'none' : `${formatDuration(heartbeatAgeMs)} ago`,
    types === null ? 'any' : types.join(', '),
  ]
}

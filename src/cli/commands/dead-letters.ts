/** `dead-letters`: the tasks that failed. */
import type { Command } from 'commander'
import { systemClock } from '../../platform.ts'
import type { DeadLetterTask } from '../../runtime/tasks.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, withSession } from '../session.ts'
import { formatDuration } from '../table.ts'

/** A table is aligned as a whole; longer lists come in several. */
const rowsMax = 1000

export function deadLettersCommand(cli: Cli): Command {
  return command('dead-letters', 'List the tasks that failed.', {
    details: 'They are kept for seven days. With --json every line is one of them.',
    examples: [
      ['dead-letters', 'with their last errors'],
      ['dead-letters --json | jq -r .id', 'for scripts'],
      ['replay --all', 'give them another chance'],
    ],
  }).action(async (_given: unknown, self: Command) => {
    await withSession(cli, optionsOf(self), async ({ runtime }) => {
      const { output } = cli
      let isNone = true
      let rows: string[][] = []
      const print = async (): Promise<void> => {
        if (rows.length > 0) await output.table(columns, rows)
        rows = []
      }
      for await (const letter of runtime.queue.deadLetters()) {
        isNone = false
        if (output.isJson) await output.json(letter)
        else if (rows.push(cellsOf(letter, systemClock.wallMs())) >= rowsMax) await print()
      }
      await print()
      if (isNone) output.say(`no task failed in namespace ${runtime.namespace} of ${runtime.storeUrl}`)
    })
  })
}

const columns = [
  { title: 'TASK' },
  { title: 'TYPE' },
  { title: 'ATTEMPTS', align: 'right' },
  { title: 'FAILED' },
  { title: 'ERROR' },
] as const

function cellsOf({ id, type, attempts, error, failedMs }: DeadLetterTask, nowMs: number): string[] {
  const failed = failedMs === null ? '-' : `${formatDuration(nowMs - failedMs)} ago`
  return [id, type ?? '-', String(attempts), failed, error?.message ?? '']
}

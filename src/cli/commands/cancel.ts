/** `cancel`: asks for the end of a task, wherever it is. */
import type { Command } from 'commander'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { isEnded } from '../../domain/task-record.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, requireTask, withSession } from '../session.ts'
import { printable } from '../table.ts'

export function cancelCommand(cli: Cli): Command {
  return command('cancel', 'Cancel a task.', {
    details: `
A waiting task is cancelled at once. Of a running one the handler's signal is aborted by its
worker, which may take a moment; watch it with "memory-sync explain". A task that has completed
or failed stays as it is (exit code 5).`,
    examples: [
      ['cancel t1', 'whether it waits or runs'],
      ['cancel t1 --reason "wrong model"', 'kept with the task'],
    ],
  })
    .argument('<task>', 'its id')
    .option('--reason <text>', 'why, for those who look at it later', 'cancelled from the command line')
    .action(async (id: string, _given: unknown, self: Command) => {
      const options = optionsOf<{ reason: string }>(self)
      await withSession(cli, options, async (session) => {
        const before = await requireTask(session, id)
        if (!isEnded(before)) await session.runtime.task(id).send({ type: 'task.cancel', reason: options.reason })
        const { status, owner } = await requireTask(session, id)
        if (status === 'completed' || status === 'failed') {
          throw new MemorySyncError('conflict', `task ${quote(id)} is not cancelled: it is ${status} already`, {
            retryable: false,
          })
        }
        if (cli.output.isJson) await cli.output.json({ id, status })
        else if (status === 'cancelled') await cli.output.line(`${printable(id)} is cancelled`)
        else await cli.output.line(`${printable(id)} is to be cancelled: its worker ${printable(owner ?? '')} has been asked`)
      })
    })
}

/** `replay`: ended tasks go to the end of the queue again, with all their attempts. */
import type { Command } from 'commander'
import { command, optionsOf } from '../documented.ts'
import { exitCodes, toldError } from '../exit-codes.ts'
import { type Cli, requireTask, type Session, withSession } from '../session.ts'
import { count, printable } from '../table.ts'

export function replayCommand(cli: Cli): Command {
  return command('replay', 'Put tasks that have ended back into the queue.', {
    details: `
Each starts again at the end of the queue, with all its attempts and its old input. A task
that is still pending or running is a conflict (exit code 5); the others are replayed.`,
    examples: [
      ['replay t1 t2', 'these two'],
      ['replay --all', 'every dead letter'],
    ],
  })
    .argument('[task...]', 'ids')
    .option('--all', 'every task that failed')
    .action(async (ids: string[], _given: unknown, self: Command) => {
      const options = optionsOf<{ all?: boolean }>(self)
      if ((options.all === true) === ids.length > 0) self.error('error: give either ids of tasks or --all')
      await withSession(cli, options, async (session) => {
        if (options.all === true) await replayAll(cli, session)
        else for (const id of new Set(ids)) await replayOne(cli, session, id)
      })
    })
}

async function replayAll(cli: Cli, session: Session): Promise<void> {
  // What fails again while this goes on is not replayed again: the list is made first.
  const ids: string[] = []
  for await (const { id } of session.runtime.queue.deadLetters()) ids.push(id)
  for (const id of ids) await replayOne(cli, session, id)
  cli.output.say(ids.length === 0 ? 'no task failed: nothing to replay' : `${count(ids.length, 'task')} looked at`)
}

/** One that cannot be replayed does not keep the others from it. */
async function replayOne(cli: Cli, session: Session, id: string): Promise<void> {
  try {
    await requireTask(session, id)
    await session.runtime.queue.replay(id)
  } catch (thrown) {
    const { exitCode } = toldError(thrown)
    // Without the store, all that follow would fail alike.
    if (exitCode === exitCodes.store) throw thrown
    cli.output.error(thrown)
    if (cli.exitCode === exitCodes.ok) cli.exitCode = exitCode
    return
  }
  if (cli.output.isJson) await cli.output.json({ id, status: 'pending' })
  else await cli.output.line(`${printable(id)} is pending again`)
}

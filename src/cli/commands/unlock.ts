/** `unlock`: frees a lock whoever has it, if the operator insists. */
import type { Command } from 'commander'
import { MemorySyncError, quote } from '../../domain/errors.ts'
import { assertId } from '../../domain/key.ts'
import type { LockView } from '../../runtime/locks.ts'
import { command, optionsOf } from '../documented.ts'
import { notFound } from '../exit-codes.ts'
import { type Cli, type Session, withSession } from '../session.ts'
import { formatDuration, printable } from '../table.ts'

export function unlockCommand(cli: Cli): Command {
  return command('unlock', 'Free a lock by force.', {
    details: `
A lock frees itself: when its holder releases it, or when its lease is over. --force does not wait
for that. It raises the lock's epoch: the holder is told that its lock is lost, and what it still
writes under the lock is refused. What the holder does elsewhere is not stopped: make sure that it
is dead. Without --force a held lock stays as it is (exit code 5).`,
    examples: [
      ['unlock nightly', 'who has it, for how long'],
      ['unlock nightly --force', 'free it now'],
      ['unlock --task t1 --force', 'the lock of a task'],
    ],
  })
    .argument('[name]', 'the name of the lock')
    .option('--task <id>', 'the lock of this task')
    .option('--force', 'free it though somebody has it')
    .action(async (name: string | undefined, _given: unknown, self: Command) => {
      const options = optionsOf<{ task?: string; force?: boolean }>(self)
      if ((name === undefined) === (options.task === undefined)) {
        self.error('error: give either the name of a lock or --task <id>')
      }
      const what = name === undefined ? `the lock of task ${quote(options.task)}` : `lock ${quote(name)}`
      await withSession(cli, options, async (session) => {
        const key = lockKey(session, name, options.task)
        const { locks } = session.runtime.inside
        const before = options.force === true ? await viewIfReadable(session, key) : await locks.view(key)
        if (options.force !== true) {
          if (before === null) throw noLock(session, what)
          if (before.owner !== null) throw held(what, before)
          if (cli.output.isJson) await cli.output.json({ key, ...before })
          else await cli.output.line(printable(`${what} is free, at epoch ${before.epoch}`))
          return
        }
        const epoch = await locks.force(key)
        if (epoch === null) throw noLock(session, what)
        const from = before?.owner ?? null
        if (cli.output.isJson) await cli.output.json({ key, epoch, takenFrom: from })
        else {
          const whose = from === null ? 'nobody had it' : `taken from ${from}`
          await cli.output.line(printable(`${what} is free: ${whose}, the epoch is ${epoch} now`))
        }
      })
    })
}

function lockKey({ keys }: Session, name: string | undefined, task: string | undefined): string {
  return name === undefined ? keys.task(assertId(task, 'task id'), 'lock') : keys.lock(assertId(name, 'lock name'))
}

/** What is no lock's record is to be replaced, and has no holder to name. */
async function viewIfReadable({ runtime }: Session, key: string): Promise<LockView | null> {
  try {
    return await runtime.inside.locks.view(key)
  } catch (thrown) {
    if (thrown instanceof MemorySyncError && thrown.code === 'corrupt') return null
    throw thrown
  }
}

function noLock({ runtime }: Session, what: string): Error {
  return notFound(`${what} was never taken in namespace ${quote(runtime.namespace)} of ${runtime.storeUrl}`)
}

function held(what: string, { owner, epoch, leaseLeftMs }: LockView): MemorySyncError {
  const rest =
    leaseLeftMs > 0
      ? `its lease is over in ${formatDuration(leaseLeftMs)}, unless it is renewed`
      : 'its lease is over: whoever asks for it next gets it'
  return new MemorySyncError(
    'conflict',
    `${what} is held by ${quote(owner)} under epoch ${epoch}; ${rest}. To free it all the same, add --force.`,
    { retryable: false },
  )
}

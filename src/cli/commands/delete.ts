/** `delete`: takes a value away, on a condition if asked. */
import type { Command } from 'commander'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, withSession } from '../session.ts'
import { printable } from '../table.ts'
import { noValue } from './get.ts'

export function deleteCommand(cli: Cli): Command {
  return command('delete', 'Delete the value of a key.', {
    details: 'A key without a value is not found (exit code 3).',
    examples: [
      ['delete config/model', 'delete it'],
      ['delete config/model --if-revision 42', 'only if nobody has changed it since'],
    ],
  })
    .argument('<key>', 'the whole key')
    .option('--if-revision <n>', 'only if the key is at this revision (see get --entry)', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .action(async (key: string, _given: unknown, self: Command) => {
      const options = optionsOf<{ ifRevision?: number }>(self)
      const { ifRevision } = options
      await withSession(cli, options, async (session) => {
        const { memory } = session.runtime
        if ((await memory.entry(key)) === null) throw noValue(session, key)
        const { revision, durability } = await memory.delete(key, ifRevision === undefined ? {} : { ifRevision })
        if (cli.output.isJson) await cli.output.json({ key, revision, durability })
        else await cli.output.line(`${printable(key)} is deleted at revision ${revision}`)
      })
    })
}

/** `set`: stores a value, on a condition if asked. */
import { type Command, Option } from 'commander'
import type { WriteOptions } from '../../runtime/memory.ts'
import { entryBytesMaxDefault } from '../../wire/entry-codec.ts'
import { parseJsonValue, readText, seconds, wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, withSession } from '../session.ts'
import { count, printable } from '../table.ts'

interface SetOptions {
  readonly ttl?: number
  readonly ifAbsent?: boolean
  readonly ifRevision?: number
  readonly text?: boolean
}

export function setCommand(cli: Cli): Command {
  return command('set', 'Store a JSON value at a key.', {
    details: `
Settles when the value is committed: it then survives a crash of any process.
A value "-" is read from standard input. Quote JSON for your shell: '{"a":1}', '"text"'.`,
    examples: [
      [`set config/model '{"name":"small"}' --ttl 3600`, 'expires in an hour'],
      ['set notes/today --text "water the plants"', 'a string without JSON quotes'],
      ['set leader \'"me"\' --if-absent', 'exit code 5 if somebody was first'],
    ],
  })
    .argument('<key>', 'the whole key')
    .argument('<json>', 'the value, or - for standard input')
    .option('--ttl <seconds>', 'the value expires after so many seconds (default: never)', seconds)
    .addOption(new Option('--if-absent', 'only if the key has no value').conflicts('ifRevision'))
    .option('--if-revision <n>', 'only if the key is at this revision (see get --entry)', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--text', 'store the argument itself as a string, instead of reading it as JSON')
    .action(async (key: string, given: string, _given: unknown, self: Command) => {
      const options = optionsOf<SetOptions>(self)
      const text = given === '-' ? await readInput(cli) : given
      const value = options.text === true ? text : parseJsonValue(text)
      await withSession(cli, options, async ({ runtime }) => {
        const { revision, durability } = await runtime.memory.set(key, value, writeOptionsOf(options))
        if (cli.output.isJson) await cli.output.json({ key, revision, durability })
        else await cli.output.line(`${printable(key)} is stored at revision ${revision}${expiryOf(options)}`)
      })
    })
}

function readInput({ interrupts }: Cli): Promise<string> {
  process.stdin.setEncoding('utf8')
  return interrupts.orThrow(readText(process.stdin, entryBytesMaxDefault, 'the value on standard input'))
}

function writeOptionsOf({ ttl, ifAbsent, ifRevision }: SetOptions): WriteOptions {
  return {
    ...(ttl === undefined ? {} : { ttlSeconds: ttl }),
    ...(ifAbsent === true ? { ifAbsent } : {}),
    ...(ifRevision === undefined ? {} : { ifRevision }),
  }
}

function expiryOf({ ttl }: SetOptions): string {
  return ttl === undefined ? '' : ` for ${count(ttl, 'second')}`
}

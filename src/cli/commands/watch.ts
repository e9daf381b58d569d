/** `watch`: what is stored under a pattern, then every change, one line each, until Ctrl-C. */
import type { Command } from 'commander'
import type { Memory, MemoryChange } from '../../runtime/memory.ts'
import { revisionOrNow, wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, withSession } from '../session.ts'
import { cut, jsonText, printable } from '../table.ts'
import { entryDocument } from './get.ts'

interface WatchCommandOptions {
  readonly after?: number | 'now'
  readonly count?: number
}

export function watchCommand(cli: Cli): Command {
  return command('watch', 'Follow the changes of all keys that match a pattern.', {
    details: `
Begins with what is stored, then one line per change, whoever makes it, until Ctrl-C.
In a pattern * stands for text within a segment, a last segment * for everything
below, ** for any number of segments. Quote it for your shell.
With --json every line is an object with a "type": set, delete, caught-up (all that
was stored has been told), or reset (changes were missed; all is told again).`,
    examples: [
      [`watch 'task-sentinel/*'`, 'everything of the namespace'],
      [`watch 'config/**' --after now`, 'only what changes from now on'],
      ['watch jobs/last --after now --count 1', 'wait for one change'],
    ],
  })
    .argument('<pattern>', 'a key, or a pattern with * or **')
    .option('--after <revision>', 'resume behind this revision, or "now": no snapshot', revisionOrNow)
    .option('--count <n>', 'end after so many lines of keys', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action(async (pattern: string, _given: unknown, self: Command) => {
      const options = optionsOf<WatchCommandOptions>(self)
      await withSession(cli, options, ({ runtime }) => watch(cli, runtime.memory, pattern, options), { endsItself: true })
    })
}

async function watch(
  { output, interrupts }: Cli,
  memory: Pick<Memory, 'watch'>,
  pattern: string,
  { after, count = Number.POSITIVE_INFINITY }: WatchCommandOptions,
): Promise<void> {
  const { signal } = interrupts
  let left = count
  for await (const event of memory.watch(pattern, { signal, ...(after === undefined ? {} : { after }) })) {
    if (event.type === 'set' || event.type === 'delete') {
      if (output.isJson) await output.json(documentOf(event))
      else await output.line(cut(lineOf(event), output.lineMax))
      if (--left <= 0) return
    } else if (output.isJson) {
      await output.json(event)
    } else if (event.type === 'reset') {
      output.say('changes were missed; what is stored now follows')
    } else {
      output.say(`all that was stored up to revision ${event.revision} is told; watching for changes, Ctrl-C ends`)
    }
  }
}

function documentOf(change: MemoryChange) {
  if (change.type === 'set') return { type: change.type, ...entryDocument(change) }
  const { type, key, revision, entry } = change
  return { type, key, revision, workerId: entry.workerId, timestamp: entry.timestamp }
}

function lineOf(change: MemoryChange): string {
  const value = change.type === 'set' ? ` ${jsonText(change.value)}` : ''
  return `${change.revision} ${change.type} ${printable(change.key)}${value}`
}

/** The common look of every command: its options, its examples and the exit codes in `--help`. Knows no command. */
import { Command } from 'commander'
import { exitCodesHelp } from './exit-codes.ts'
import type { CommonOptions } from './session.ts'

/** A command without its arguments and options yet. */
export function command(
  name: string,
  summary: string,
  texts: { readonly details?: string; readonly examples: readonly (readonly [line: string, what: string])[] },
): Command {
  const width = Math.max(...texts.examples.map(([line]) => line.length))
  const examples = texts.examples.map(([line, what]) => `  $ memory-sync ${line.padEnd(width)}  # ${what}`)
  const details = texts.details === undefined ? '' : `\n${texts.details.trim()}\n`
  return new Command(name)
    .summary(summary)
    .description(summary)
    .addHelpText('after', `${details}\nExamples:\n${examples.join('\n')}\n\n${exitCodesHelp()}`)
}

/** What the options of a command and the common ones say together. */
export function optionsOf<Options>(given: Command): Options & CommonOptions {
  return given.optsWithGlobals<Options & CommonOptions>()
}

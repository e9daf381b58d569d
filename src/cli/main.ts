#!/usr/bin/env node
/** The bin `memory-sync`: wires streams, signals and commands, and ends the process with the command's exit code. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { systemClock } from '../platform.ts'
import { cancelCommand } from './commands/cancel.ts'
import { deadLettersCommand } from './commands/dead-letters.ts'
import { deleteCommand } from './commands/delete.ts'
import { explainCommand } from './commands/explain.ts'
import { getCommand } from './commands/get.ts'
import { replayCommand } from './commands/replay.ts'
import { runCommand } from './commands/run.ts'
import { setCommand } from './commands/set.ts'
import { statusCommand } from './commands/status.ts'
import { tasksCommand } from './commands/tasks.ts'
import { watchCommand } from './commands/watch.ts'
import { exitCodes, exitCodesHelp, toldError } from './exit-codes.ts'
import { Interrupts } from './interrupts.ts'
import { Output } from './output.ts'
import type { Cli } from './session.ts'

const commands = [
  runCommand,
  statusCommand,
  getCommand,
  setCommand,
  deleteCommand,
  watchCommand,
  tasksCommand,
  explainCommand,
  cancelCommand,
  deadLettersCommand,
  replayCommand,
]

const interrupts = new Interrupts(systemClock)
const output = new Output(process.stdout, process.stderr, () => interrupts.stop())
const cli: Cli = { output, interrupts, exitCode: exitCodes.ok }
interrupts.install()

function program(): Command {
  const main = new Command('memory-sync')
    .description('Shared memory, task queue and workers, from the command line.')
    .version(version())
    .option(
      '--store <url>',
      'memory:, memory:<name> or file:<directory> (default: MEMORY_SYNC_STORE, else .memory-sync of the project)',
    )
    .option('--namespace <name>', 'first segment of the keys of tasks and workers (default: task-sentinel)')
    .option('--json', 'data as JSON on stdout, errors as JSON on stderr')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(memory-sync --help lists the commands and their options)')
    .exitOverride()
    .hook('preAction', (_, action) => {
      output.isJson = action.optsWithGlobals<{ json?: boolean }>().json === true
    })
    .addHelpText('after', `\nmemory-sync help <command> shows a command's options and examples.\n\n${exitCodesHelp()}`)
  for (const make of commands) {
    const added = make(cli)
    added.copyInheritedSettings(main)
    added.showHelpAfterError(`(memory-sync ${added.name()} --help shows its options and examples)`)
    main.addCommand(added)
  }
  return main
}

/** Of the package that this file is part of, as source or built. */
function version(): string {
  for (let place = new URL('./', import.meta.url); ; place = new URL('../', place)) {
    try {
      const { version } = JSON.parse(readFileSync(new URL('package.json', place), 'utf8')) as { version: string }
      return version
    } catch {
      if (place.pathname === '/') return 'unknown'
    }
  }
}

async function run(): Promise<number> {
  try {
    await program().parseAsync()
    return cli.exitCode
  } catch (thrown) {
    // Commander has said what is wrong, or shown the help that was asked for.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    // Nobody reads any more: not a fault, and nobody to tell it to.
    if (output.isClosed) return cli.exitCode
    output.error(thrown)
    return toldError(thrown).exitCode
  }
}

const exitCode = await run()
await output.flush()
// Handlers' modules may leave timers and connections behind that would keep the process alive.
process.exit(exitCode)

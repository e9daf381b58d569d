/** All commands and the options that they share, as commander reads them. Knows no stream and no signal. */
import { Command } from 'commander'
import { packageVersion } from '../inspector/package-version.ts'
import { cancelCommand } from './commands/cancel.ts'
import { deadLettersCommand } from './commands/dead-letters.ts'
import { deleteCommand } from './commands/delete.ts'
import { explainCommand } from './commands/explain.ts'
import { getCommand } from './commands/get.ts'
import { importCommand } from './commands/import.ts'
import { inspectCommand } from './commands/inspect.ts'
import { replayCommand } from './commands/replay.ts'
import { runCommand } from './commands/run.ts'
import { serveCommand } from './commands/serve.ts'
import { setCommand } from './commands/set.ts'
import { statusCommand } from './commands/status.ts'
import { tasksCommand } from './commands/tasks.ts'
import { unlockCommand } from './commands/unlock.ts'
import { watchCommand } from './commands/watch.ts'
import { exitCodesHelp } from './exit-codes.ts'
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
  unlockCommand,
  serveCommand,
  inspectCommand,
  importCommand,
]

/** @throws CommanderError from its `parseAsync` for bad usage, and when help was asked for. */
export function createProgram(cli: Cli): Command {
  const main = new Command('memory-sync')
    .description('Shared memory, task queue and workers, from the command line.')
    .version(packageVersion())
    .option(
      '--store <url>',
      'file:<directory>, http://<host>/mcp, mcp+stdio:<command> or memory: (default: MEMORY_SYNC_STORE, else .memory-sync of the project)',
    )
    .option('--allow-weak', 'also a memory server without compare-and-set, as far as it can be trusted')
    .option('--namespace <name>', 'first segment of the keys of tasks and workers (default: task-sentinel)')
    .option('--json', 'data as JSON on stdout, errors as JSON on stderr')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(memory-sync --help lists the commands and their options)')
    .exitOverride()
    .hook('preAction', (_, action) => {
      cli.output.isJson = action.optsWithGlobals<{ json?: boolean }>().json === true
    })
    .addHelpText('after', `\nmemory-sync help <command> shows a command's options and examples.\n\n${exitCodesHelp()}`)
  for (const make of commands) {
    const added = make(cli)
    for (const one of [added, ...added.commands]) {
      one.copyInheritedSettings(main)
      const path = one === added ? added.name() : `${added.name()} ${one.name()}`
      one.showHelpAfterError(`(memory-sync ${path} --help shows its options and examples)`)
    }
    main.addCommand(added)
  }
  return main
}

/** `import`: what another memory server holds, for the clients of `serve`. */
import type { Command } from 'commander'
import { quote } from '../../domain/errors.ts'
import { namespaceDefault } from '../../mcp/namespaces.ts'
import { systemClock } from '../../platform.ts'
import type { ForeignPlace } from '../../stores/mcp/foreign-reading.ts'
import { type Target, urlOf } from '../../stores/mcp/target.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { exitCodes } from '../exit-codes.ts'
import { connectSource, importTarget, readKeysFile } from '../import-source.ts'
import { Importer, type Told, toldMax } from '../importer.ts'
import { Progress } from '../progress.ts'
import { type Cli, type CommonOptions, type Session, withSession } from '../session.ts'
import { count, printable } from '../table.ts'
import { tokenVariable } from './serve.ts'

/** Between two lines that say how far it is. */
const progressIntervalMs = 5000

interface ImportOptions extends CommonOptions {
  readonly from: string
  readonly namespaces?: readonly string[]
  readonly keysFrom?: string
  readonly searches?: number
  readonly dryRun?: boolean
}

export function importCommand(cli: Cli): Command {
  return command('import', 'Copy what another memory server holds, such as claude-flow.', {
    details: `
Reads through the server's tools and stores each value where clients of "memory-sync
serve" find it: same namespace, same key, same text. Nothing there is changed. What is
newer here stays, so it may be run again at any time.

claude-flow v3 and memory-sync list all they have. claude-flow v2 lists no namespaces
("default" and the runtime's are read, and those of --namespaces) and only the newest
100 keys of one: the others are searched for. Where that finds no end, the output says
so (complete: false); allow more --searches then, or name the keys with --keys-from. Times to live cannot be
read: what had one is kept for ever. JSON texts come back as the server parsed them;
those that may have lost digits or characters are told as doubtful.

Exit code 1: a value could not be stored, or keys may be missing.
To an HTTP server the environment's ${tokenVariable} is sent, if it is set.`,
    examples: [
      [`import --from 'mcp+stdio:npx claude-flow@2 mcp start'`, 'what claude-flow v2 has in this directory'],
      [`import --from 'mcp+stdio:npx claude-flow@3 mcp start' --dry-run`, 'what would be stored'],
      ['import --from http://127.0.0.1:3000/mcp --namespaces a,b', 'of a server that runs'],
    ],
  })
    .requiredOption('--from <server>', 'mcp+stdio:<command line>, http://<host>/mcp or https://<host>/mcp')
    .option('--namespaces <names>', 'where the server cannot list them: more namespaces, with commas between', namesOf)
    .option('--keys-from <file>', 'keys that the server may not list, a namespace, a tab and a key a line')
    .option('--searches <n>', 'claude-flow v2: at most so many for one namespace (default: 50000)', wholeNumber(1, 10_000_000))
    .option('--dry-run', 'read and compare, store nothing')
    .action(async (_given: unknown, self: Command) => {
      const options = optionsOf<ImportOptions>(self)
      const target = importTarget(options.from, process.env[tokenVariable])
      const known = options.keysFrom === undefined ? [] : await cli.interrupts.orThrow(readKeysFile(options.keysFrom))
      await withSession(cli, options, (session) => importAll(cli, session, { ...options, target, known }))
    })
}

interface Checked extends ImportOptions {
  readonly target: Target
  readonly known: readonly ForeignPlace[]
}

function namesOf(text: string): string[] {
  return text.split(',').filter((name) => name !== '')
}

async function importAll(cli: Cli, { runtime }: Session, options: Checked): Promise<void> {
  const { output, interrupts } = cli
  const { signal } = interrupts
  const logger = output.logger()
  const isDry = options.dryRun === true
  const importer = new Importer({ runtime, logger, isDry })
  const connection = await connectSource(options.target, logger, signal)
  const progress = new Progress(output, systemClock, () => `${count(importer.found, 'value')} read`, progressIntervalMs)
  try {
    const { enumerate } = await import('../../stores/mcp/enumerate.ts')
    const namespaces = [...new Set([namespaceDefault, runtime.namespace, ...(options.namespaces ?? [])])]
    if (connection.dialect === 'claude-flow-v2') {
      output.say(`this server cannot list its namespaces; read are ${namespaces.map(quote).join(', ')} (see --namespaces)`)
    }
    const question = { namespaces, known: options.known, searchCallsMax: options.searches, signal }
    for await (const reading of enumerate(connection, question)) await importer.take(reading)
  } finally {
    progress.stop()
    await connection.close()
  }
  const server = connection.dialect
  await tell(cli, importer, { from: urlOf(options.target), server, to: runtime.storeUrl, dryRun: isDry })
  if (importer.skipped > 0 || !importer.isComplete) cli.exitCode = exitCodes.failed
}

interface Run {
  readonly from: string
  readonly server: string
  readonly to: string
  readonly dryRun: boolean
}

async function tell({ output }: Cli, importer: Importer, run: Run): Promise<void> {
  const { imported, unchanged, older, gone, skipped, doubtful, isComplete, namespaces } = importer
  const counts = { imported, unchanged, older, gone, skipped, doubtful }
  for (const { namespace, isComplete: isWhole, note } of namespaces) {
    if (note === null) continue
    const where = namespace === null ? 'the server' : `namespace ${quote(namespace)}`
    if (isWhole) output.say(`${where}: all is read, unless there is ${note}`)
    else output.say(`${where}: keys may be missing: ${note}. Allow more --searches, or name them in a file for --keys-from`)
  }
  if (run.server !== 'ours') output.say('times to live cannot be read from this server: what had one is kept without')
  if (run.dryRun) output.say('nothing was stored: this is what would have been')
  if (output.isJson) {
    const told = { skippedValues: importer.skippedTold, doubtfulValues: importer.doubtfulTold, namespaces }
    await output.json({ ...run, ...counts, complete: isComplete, ...told })
    return
  }
  for (const [name, number] of Object.entries(counts)) await output.line(`${name.padEnd(11)}${number}`)
  await output.line(`${'complete'.padEnd(11)}${isComplete}`)
  for (const value of importer.skippedTold) await output.line(lineOf('skipped', value))
  for (const value of importer.doubtfulTold) await output.line(lineOf('doubtful', value))
  const untold = Math.max(0, skipped - toldMax) + Math.max(0, doubtful - toldMax)
  if (untold > 0) output.say(`${count(untold, 'more value')} skipped or doubtful not shown`)
}

function lineOf(what: string, { namespace, key, reason }: Told): string {
  return printable(`${what} ${namespace === null ? '' : `${namespace} `}${key}: ${reason}`)
}

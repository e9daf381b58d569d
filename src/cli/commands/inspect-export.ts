/** `inspect export`: records all that happens on a memory for a while, into a file that the inspector's page opens. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import { checkInspectorOptions } from '../../inspector/options.ts'
import { packageVersion } from '../../inspector/package-version.ts'
import { Redaction } from '../../inspector/redaction.ts'
import { Session as Recording } from '../../inspector/session.ts'
import { followChunks } from '../../inspector/session-lines.ts'
import { Watching } from '../../inspector/watching.ts'
import { systemClock } from '../../platform.ts'
import { traceFormat } from '../../wire/trace-record.ts'
import { seconds } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, type Session, withSession } from '../session.ts'
import { count } from '../table.ts'

interface ExportOptions {
  readonly for: number
  readonly sample?: number
}

export function inspectExportCommand(cli: Cli): Command {
  return command('export', 'Record a session into a file, without a page.', {
    details: `
One line of JSON for each thing that happened, in all processes of this machine on the memory.
Ctrl-C ends the recording earlier; what was recorded is there.`,
    examples: [
      ['inspect export session.jsonl --for 30', 'half a minute'],
      ['inspect view session.jsonl --open', 'look at it in a browser'],
      ['inspect sequence session.jsonl', 'who sent what to whom'],
    ],
  })
    .argument('<file>', 'is written anew')
    .requiredOption('--for <seconds>', 'how long', seconds)
    .option('--sample <part>', 'only this part of the transitions, from 0 to 1', part)
    .action(async (file: string, _given: unknown, self: Command) => {
      const options = optionsOf<ExportOptions>(self)
      await withSession(cli, options, (session) => record(cli, session, file, options), { workerId: null, endsItself: true })
    })
}

/** For commander: a part of a whole. */
export function part(text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && number >= 0 && number <= 1) return number
  throw new InvalidArgumentError('It must be a number from 0 to 1.')
}

async function record({ output, interrupts }: Cli, { runtime }: Session, file: string, options: ExportOptions): Promise<void> {
  const { namespace, storeUrl: store } = runtime
  const logger = output.logger()
  const { sample } = options
  const checked = checkInspectorOptions({ logger, ...(sample === undefined ? {} : { sample }) })
  const redaction = new Redaction(namespace, undefined, (error) => logger.warn(error.message))
  const recording = new Recording(systemClock, () => new Watching(runtime, checked, redaction))
  const { recorder } = await recording.join()
  const end = new AbortController()
  const timer = systemClock.setTimer(options.for * 1000, () => end.abort())
  void interrupts.happened().then(() => end.abort())
  output.say(`recording ${store} into ${file} for ${options.for} s; Ctrl-C ends it now`)
  try {
    const head = {
      format: traceFormat,
      product: 'memory-sync',
      version: packageVersion(),
      namespace,
      store,
      exportedAtMs: systemClock.wallMs(),
    } as const
    await pipeline(followChunks(recorder, head, end.signal), createWriteStream(file, { mode: 0o600 }))
  } catch (cause) {
    const message = `the session cannot be written to ${quote(file)}: ${messageOf(cause)}`
    throw new MemorySyncError('invalid_option', message, { cause })
  } finally {
    timer.cancel()
    await recording.close()
  }
  const records = recorder.end
  if (output.isJson) await output.json({ file, records })
  else await output.line(`${count(records, 'record')} in ${file}`)
}

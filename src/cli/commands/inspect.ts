/** `inspect`: serves the inspector of all processes on a memory until Ctrl-C; its subcommands record, show what was recorded, and draw. */
import type { Command } from 'commander'
import { checkInspectorOptions } from '../../inspector/options.ts'
import type { Logger } from '../../ports/logger.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { openBrowser } from '../open-browser.ts'
import { type Cli, type Session, watchRuntime, withSession } from '../session.ts'
import { jsonText } from '../table.ts'
import { inspectChartCommand } from './inspect-chart.ts'
import { inspectExportCommand, part } from './inspect-export.ts'
import { inspectSequenceCommand } from './inspect-sequence.ts'
import { inspectViewCommand } from './inspect-view.ts'

interface InspectOptions {
  readonly port?: number
  readonly allowActions?: boolean
  readonly sample?: number
  readonly open?: boolean
}

export function inspectCommand(cli: Cli): Command {
  const added = command('inspect', 'See every actor and the whole memory, live, in a browser.', {
    details: `
Joins the memory as an observer, without workers, and serves a page on this machine. Every
process of this machine on the same memory then tells what happens in it; of the others the
memory itself is shown.

The URL that is printed has a token: who has it sees all of the memory. The page only shows,
unless --allow-actions lets it send events, cancel, retry, replay, drain and release locks;
each of these is a line on stderr.

Ctrl-C ends it, and with it all that watching costs.`,
    examples: [
      ['inspect --open', 'and open the browser'],
      ['inspect --store file:/srv/app/.memory-sync --port 0', 'another memory, any free port'],
      ['inspect export session.jsonl --for 30', 'record half a minute, to look at later'],
      ['inspect view session.jsonl --open', 'look at it'],
      ['inspect chart task', 'the chart of a task, as Mermaid'],
    ],
  })
    .option('--port <n>', 'the port; 0 is any free one (default: 7439)', wholeNumber(0, 65_535))
    .option('--allow-actions', 'let the page act, and not only show')
    .option('--sample <part>', 'tell only this part of the transitions, from 0 to 1', part)
    .option('--open', 'open the page in the browser')
    .action(async (_given: unknown, self: Command) => {
      const options = optionsOf<InspectOptions>(self)
      const work = (session: Session): Promise<void> => inspect(cli, session, options)
      await withSession(cli, options, work, { workerId: null, endsItself: true })
    })
  for (const make of [inspectExportCommand, inspectViewCommand, inspectSequenceCommand, inspectChartCommand])
    added.addCommand(make(cli))
  return added
}

async function inspect({ output, interrupts }: Cli, session: Session, options: InspectOptions): Promise<void> {
  const { runtime } = session
  const { port, sample, allowActions = false } = options
  const checked = checkInspectorOptions({
    allowActions,
    recordAlways: true,
    logger: auditing(output.logger(), (text) => output.say(text)),
    ...(port === undefined ? {} : { port }),
    ...(sample === undefined ? {} : { sample }),
  })
  // Loaded by who inspects: a server costs every other command its time to start.
  const [{ RuntimeInspector }, { loadPage }] = await Promise.all([
    import('../../inspector/serve-inspector.ts'),
    import('../../inspector/page-assets.ts'),
  ])
  // A path that was mistyped is an empty memory, too.
  if ((await session.store.head()) === 0)
    output.say(`nothing was ever written to ${runtime.storeUrl}: is it the memory that is meant?`)
  const watched = watchRuntime(session)
  const inspector = new RuntimeInspector(runtime, checked, await loadPage())
  try {
    await inspector.start()
    const { url } = inspector
    if (output.isJson) await output.json({ url, store: runtime.storeUrl, namespace: runtime.namespace })
    else await output.line(url)
    output.say(`inspecting ${runtime.storeUrl}; Ctrl-C ends`)
    if (options.open === true) openBrowser(inspector.ticketUrl(), () => output.say(`no browser could be opened: open ${url}`))
    await Promise.race([interrupts.happened(), watched.gaveUp])
  } finally {
    watched.stop()
    await inspector.close()
  }
}

/** What is done through the page is told, whatever the level of the log. */
function auditing(logger: Logger, say: (text: string) => void): Logger {
  return {
    debug: (message, fields) => logger.debug(message, fields),
    info: (message, fields) => say(`${message} ${jsonText(fields ?? {})}`),
    warn: (message, fields) => logger.warn(message, fields),
    error: (message, fields) => logger.error(message, fields),
  }
}

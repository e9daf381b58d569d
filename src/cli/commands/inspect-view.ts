/** `inspect view`: a recorded session as a page, until Ctrl-C. Opens no memory. */
import type { Command } from 'commander'
import { inspectorPortDefault, tokenCharacters } from '../../inspector/options.ts'
import { systemClock, systemRandom } from '../../platform.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { openBrowser } from '../open-browser.ts'
import { recordsIn } from '../recorded-session.ts'
import { type Cli, holdMs } from '../session.ts'

interface ViewOptions {
  readonly port?: number
  readonly open?: boolean
}

export function inspectViewCommand(cli: Cli): Command {
  return command('view', 'Look at a recorded session in a browser.', {
    details: `
The page of "inspect" over a file of "inspect export", or one that the page saved: all panes,
at any moment of it. No memory and no runtime is needed. The URL that is printed has a token.`,
    examples: [
      ['inspect view session.jsonl --open', 'and open the browser'],
      ['inspect view session.jsonl --port 0', 'at any free port'],
    ],
  })
    .argument('<file>', 'an exported session')
    .option('--port <n>', `the port; 0 is any free one (default: ${inspectorPortDefault})`, wholeNumber(0, 65_535))
    .option('--open', 'open the page in the browser')
    .action(async (file: string, _given: unknown, self: Command) => view(cli, file, optionsOf<ViewOptions>(self)))
}

async function view(
  { output, interrupts }: Cli,
  file: string,
  { port = inspectorPortDefault, open = false }: ViewOptions,
): Promise<void> {
  // The page reads it, but a file that is no session is refused here and now: its beginning tells.
  for await (const _ of recordsIn(file)) break
  const [{ serveRecording }, { loadPage }] = await Promise.all([
    import('../../inspector/serve-recording.ts'),
    import('../../inspector/page-assets.ts'),
  ])
  const token = systemRandom.token(tokenCharacters)
  const server = await serveRecording({ file, page: await loadPage(), port, token, logger: output.logger() })
  // Neither the server nor a signal that is waited for keeps a process alive.
  const hold = systemClock.setTimer(holdMs, () => {})
  try {
    const { url } = server
    if (output.isJson) await output.json({ url, file })
    else await output.line(url)
    output.say(`showing ${file}; Ctrl-C ends`)
    if (open)
      openBrowser(server.ticketUrl(systemRandom.token(tokenCharacters)), () =>
        output.say(`no browser could be opened: open ${url}`),
      )
    await interrupts.happened()
  } finally {
    hold.cancel()
    await server.close()
  }
}

/** `serve`: this memory as an MCP server, for one client by stdio or for many by HTTP. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import type { HttpServerOptions } from '../../mcp/http-options.ts'
import type { MemoryServer } from '../../mcp/memory-server.ts'
import { loadOptional } from '../../mcp/optional-package.ts'
import { systemClock } from '../../platform.ts'
import { wholeNumber } from '../arguments.ts'
import { AuditLog } from '../audit-log.ts'
import { command, optionsOf } from '../documented.ts'
import { type Cli, type CommonOptions, type Session, watchRuntime, withSession } from '../session.ts'

export const tokenVariable = 'MEMORY_SYNC_TOKEN'

interface ServeOptions extends CommonOptions {
  readonly stdio?: boolean
  readonly http?: boolean
  readonly port?: number
  readonly host?: string
  readonly tokenFile?: string
  readonly allowHost?: readonly string[]
  readonly allowOrigin?: readonly string[]
  readonly audit?: string
}

/** Options that mean nothing to a client at the other end of a pipe. */
const httpOnly = ['port', 'host', 'tokenFile', 'allowHost', 'allowOrigin'] as const

export function serveCommand(cli: Cli): Command {
  return command('serve', 'Serve this memory to MCP clients.', {
    details: `
With --stdio (the default) it serves the client that started it, until that closes
standard input. With --http it listens for any number of clients and prints its URL.
Other machines reach it only with --host, and then clients need a token: the
environment's ${tokenVariable}, or the content of --token-file. A token that is set is
asked for on this machine, too. Requests for names or from web pages that are not
this machine's are refused, unless --allow-host or --allow-origin names them.

Every call that changes something is a line of JSON in the audit log: on stderr with
--http, else only with --audit. It names client, tool and key, never a value.

Ctrl-C ends it: calls under way have 2 s, what clients hold is given back.`,
    examples: [
      ['serve', 'in the configuration of an MCP client'],
      ['serve --http', 'for many clients of this machine'],
      ['serve --http --host 0.0.0.0 --token-file /run/token', 'for other machines'],
    ],
  })
    .addOption(new Option('--stdio', 'speak over standard input and output (default)').conflicts('http'))
    .option('--http', 'listen for clients over HTTP')
    .option('--port <n>', 'with --http: the port; 0 is any free one (default: 7438)', wholeNumber(0, 65_535))
    .option('--host <address>', 'with --http: the address to listen at (default: 127.0.0.1)')
    .option('--token-file <file>', 'with --http: a file with the token that clients must send')
    .option('--allow-host <name...>', 'with --http: names by which clients may reach it')
    .option('--allow-origin <origin...>', 'with --http: web pages that may call it')
    .option('--audit <file>', 'append the audit log to a file')
    .action(async (_given: unknown, self: Command) => {
      const options = optionsOf<ServeOptions>(self)
      const isHttp = options.http === true
      const misplaced = httpOnly.find((name) => !isHttp && options[name] !== undefined)
      if (misplaced !== undefined)
        self.error(`error: --${misplaced.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} needs --http`)
      const token = isHttp ? tokenOf(options.tokenFile) : null
      const version = self.parent?.version() ?? ''
      const work = (session: Session): Promise<void> => serve(cli, session, { ...options, token, version })
      await withSession(cli, options, work, { workerId: null, endsItself: true })
    })
}

interface Checked extends ServeOptions {
  readonly token: string | null
  /** Told to clients. */
  readonly version: string
}

async function serve(cli: Cli, session: Session, options: Checked): Promise<void> {
  const isHttp = options.http === true
  const { createMemoryServer } = await loadOptional(() => import('../../mcp/memory-server.ts'), 'serve', [
    '@modelcontextprotocol/sdk',
  ])
  // A client that started us may never read our stderr, and a full pipe would stop us.
  const auditTarget = options.audit ?? (isHttp ? process.stderr : null)
  const audit = auditTarget === null ? null : new AuditLog(auditTarget, systemClock)
  const server = createMemoryServer(session.runtime, {
    version: options.version,
    logger: cli.output.logger(),
    ...(audit === null ? {} : { audit: (line) => audit.line({ ...line }) }),
  })
  const watched = watchRuntime(session)
  const end = Promise.race([cli.interrupts.happened(), watched.gaveUp, ...(audit === null ? [] : [audit.failed])])
  end.catch(() => {})
  try {
    await server.ready()
    if (isHttp) await serveOverHttp(cli, session, server, httpOptionsOf(cli, options), end)
    else await serveOverStdio(server, end)
  } finally {
    watched.stop()
    await server.close()
    await audit?.close()
  }
}

/** Until the client closes our input, or the end. */
async function serveOverStdio(server: MemoryServer, end: Promise<void>): Promise<void> {
  const { serveStdio } = await import('../../mcp/stdio.ts')
  await Promise.race([serveStdio(server), end])
}

async function serveOverHttp(
  { output }: Cli,
  { runtime }: Session,
  server: MemoryServer,
  options: HttpServerOptions,
  end: Promise<void>,
): Promise<void> {
  const { serveHttp } = await import('../../mcp/http-server.ts')
  const http = await serveHttp(server, options)
  try {
    if (output.isJson) await output.json({ url: http.url, store: runtime.storeUrl, namespace: runtime.namespace })
    else await output.line(http.url)
    output.say(`serving ${runtime.storeUrl} at ${http.url}; Ctrl-C ends`)
    await end
  } finally {
    await http.close()
  }
}

function httpOptionsOf({ output }: Cli, options: Checked): HttpServerOptions {
  return {
    logger: output.logger(),
    ...(options.token === null ? {} : { token: options.token }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.allowHost === undefined ? {} : { allowedHosts: options.allowHost }),
    ...(options.allowOrigin === undefined ? {} : { allowedOrigins: options.allowOrigin }),
  }
}

/** Never an argument: lists of processes show these to everybody. */
function tokenOf(path: string | undefined): string | null {
  if (path === undefined) {
    const token = process.env[tokenVariable] ?? ''
    return token === '' ? null : token
  }
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new MemorySyncError('invalid_option', `the token file ${quote(path)} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

/**
 * A double as a process of its own, over stdio: its arguments are `v2 <directory>` or `v3 <directory>`, and the options.
 * Processes with the same directory share it, as the servers do that are started in one working directory.
 *
 * - `--version 2.0.0`: says that it is, and prints the banner on stdout that its bin prints before the first message
 * - `--in-memory`: v2 without its database driver; it shares with nobody
 * - `--chunk-bytes <n>`: stdin arrives in pieces of at most so many bytes. v2 decodes each piece by itself
 * - `--quiet`: nothing on stderr. v2 prints a line per call there, and stands still when nobody reads them
 */
import process from 'node:process'
import { Transform } from 'node:stream'
import { parseArgs } from 'node:util'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { systemClock as clock } from '../../../../src/platform.ts'
import { doubleOnDisk } from './on-disk.ts'

/** The servers take messages of any size. The SDK's transport wants a bound. */
const messageBytesMax = 256 * 1024 * 1024

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    version: { type: 'string', default: '2.7.47' },
    'in-memory': { type: 'boolean', default: false },
    'chunk-bytes': { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
})
const [generation, directory] = positionals
if (directory === undefined || (generation !== 'v2' && generation !== 'v3')) {
  throw new Error(`expected "v2 <directory>" or "v3 <directory>", got ${JSON.stringify(positionals.join(' '))}`)
}

const isV2 = generation === 'v2'
const chunkBytes = values['chunk-bytes'] === undefined ? Number.POSITIVE_INFINITY : Number(values['chunk-bytes'])

/** Every piece is turned into text alone: a character that lies in two of them becomes two or more U+FFFD. */
const decodedPerChunk = new Transform({
  transform(chunk: Buffer, _encoding, done) {
    for (let from = 0; from < chunk.length; from += chunkBytes) {
      this.push(chunk.subarray(from, from + chunkBytes).toString('utf8'))
    }
    done()
  },
})

const sessionId = `session-cf-${clock.wallMs()}-${process.pid}`
const log = (line: string) => {
  if (!values.quiet) process.stderr.write(`${line}\n`)
}

const { server } = doubleOnDisk(generation, directory, {
  clock,
  sessionId,
  log,
  version: values.version === '2.0.0' ? '2.0.0' : '2.7.47',
  storage: values['in-memory'] ? 'in-memory' : 'sqlite',
})

if (isV2 && values.version === '2.0.0') {
  process.stdout.write('✅ Starting Claude Flow MCP server in stdio mode...\n')
}
const input = isV2 ? process.stdin.pipe(decodedPerChunk) : process.stdin
await server.connect(new StdioServerTransport(input, process.stdout, { maxBufferSize: messageBytesMax }))
process.stdin.on('end', () => process.exit(0))

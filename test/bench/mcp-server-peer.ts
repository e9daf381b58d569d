/** The server of the figures `mcp-stdio` and `mcp-http`: our own over `memory:`, in a process of its own. With `--http` it says its URL. */

import { serveHttp } from '../../src/mcp/http-server.ts'
import { createMemoryServer } from '../../src/mcp/memory-server.ts'
import { serveStdio } from '../../src/mcp/stdio.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'

const runtime = createRuntime({ store: 'memory:' })
const server = createMemoryServer(runtime)
if (process.argv.includes('--http')) {
  const { url } = await serveHttp(server, { port: 0 })
  process.stdout.write(`${url}\n`)
  process.once('SIGTERM', () => process.exit(0))
} else {
  await serveStdio(server)
  await runtime.shutdown()
}

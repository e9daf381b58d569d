/**
 * The real claude-flow v2 for scripts that are run by hand: installs it from the registry into a folder and starts its MCP server over
 * stdio. Knows nothing of what is tested.
 *
 * Install scripts do not run, so that its database driver (`better-sqlite3`) would come without its binary and the server would fall
 * back to its memory. `libsql`, which has the same interface and whose binary comes inside a registry package, takes its place: the
 * server's own code and SQL run on a real SQLite file. To see the fallback, start it with `storage: 'in-memory'`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

export const claudeFlowVersion = '2.7.47'
const libsqlVersion = '0.5.29'

/** `better-sqlite3` waits for a lock for 5 s unless told otherwise; `libsql` does not wait. */
const driver = `
const Database = require('libsql')
module.exports = class extends Database {
  constructor(path, options) {
    super(path, { timeout: 5000, ...options })
  }
}
`

/** Takes a minute and a gigabyte. */
export function installClaudeFlow(folder: string): void {
  const place = join(folder, 'driver')
  mkdirSync(place)
  writeFileSync(join(place, 'index.js'), driver)
  writeManifest(place, { name: 'better-sqlite3', version: '12.2.0', dependencies: { libsql: libsqlVersion } })
  writeManifest(folder, {
    name: 'claude-flow-under-test',
    private: true,
    dependencies: { 'claude-flow': claudeFlowVersion, 'better-sqlite3': 'file:./driver' },
    overrides: { 'better-sqlite3': '$better-sqlite3' },
  })
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
}

/** What the package's bin starts for `mcp start`, without the two processes in between. */
export function claudeFlowProgram(folder: string): string {
  return join(folder, 'node_modules/claude-flow/src/mcp/mcp-server.js')
}

/**
 * Starts one more server, which shares its memory with the others of this working directory (`<directory>/.swarm/memory.db`).
 * `in-memory`: it finds a file where it wants its directory, and falls back as it does without a driver.
 */
export async function startClaudeFlow(
  folder: string,
  directory: string,
  storage: 'sqlite' | 'in-memory' = 'sqlite',
): Promise<Client> {
  mkdirSync(directory, { recursive: true })
  if (storage === 'in-memory') writeFileSync(join(directory, '.swarm'), '')
  // It stands still when nobody reads what it logs: so that goes nowhere.
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [claudeFlowProgram(folder)],
    cwd: directory,
    stderr: 'ignore',
  })
  const client = new Client({ name: 'memory-sync-test', version: '1' })
  client.onerror = () => {}
  await client.connect(transport)
  return client
}

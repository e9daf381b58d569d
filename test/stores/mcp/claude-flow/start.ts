/** Starts doubles as processes and connects to them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { programOf } from '../../../program.ts'

const { flags, file } = programOf(new URL('./fixture.ts', import.meta.url))

/** The command of a fixture with these arguments, for whoever starts it: `v2 <directory>` and the options. */
export function fixtureCommand(args: readonly string[]): { command: string; args: string[] } {
  return { command: process.execPath, args: [...flags, file, ...args] }
}

export interface Started {
  readonly client: Client
  /** What the process printed to stderr until now. */
  stderr(): string
  /** What the client's transport could make nothing of: lines that are no messages, messages that are no answers. */
  readonly errors: readonly Error[]
  stop(): Promise<void>
}

export async function start(args: readonly string[]): Promise<Started> {
  const transport = new StdioClientTransport({ ...fixtureCommand(args), stderr: 'pipe' })
  let printed = ''
  transport.stderr?.on('data', (chunk: Buffer) => {
    printed += chunk
  })
  const errors: Error[] = []
  const client = new Client({ name: 'test', version: '1' })
  client.onerror = (error) => errors.push(error)
  await client.connect(transport)
  return { client, stderr: () => printed, errors, stop: () => client.close() }
}

export function scratchDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'claude-flow-double-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * Two MCP clients, as agents in two editors would be, and a worker of this process share one memory: one agent asks for work, the other
 * does the part that needs judgement, the worker does the rest.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { createRuntime } from 'memory-sync'

const directory = mkdtempSync(join(tmpdir(), 'memory-sync-example-'))
const store = `file:${directory}`

/** An agent's connection: its editor starts `memory-sync serve`, each its own. */
async function agent(name: string) {
  const cli = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  const args = ['--conditions=memory-sync:source', '--import', 'tsx', cli, 'serve', '--store', store]
  const client = new Client({ name, version: '1.0.0' })
  await client.connect(new StdioClientTransport({ command: process.execPath, args }))
  return {
    async call<Answer>(tool: string, input: Record<string, unknown>): Promise<Answer> {
      const { isError, content, structuredContent } = await client.callTool({ name: tool, arguments: input })
      assert.notEqual(isError, true, JSON.stringify(content))
      return structuredContent as Answer
    },
    close: () => client.close(),
  }
}

interface Claimed {
  readonly task: { readonly id: string; readonly input: { readonly draft: string } }
}

const runtime = createRuntime({ store })
runtime.spawnWorker({ handlers: { count: (task) => task.input.text.split(/\s+/).length } })
const [writer, reviewer] = await Promise.all([agent('writer'), agent('reviewer')])

// The writer leaves a text in the shared memory and asks for two things.
await writer.call('memory_store', { namespace: 'drafts', key: 'poem', value: 'the sea at night' })
await writer.call('task_submit', { id: 'review-1', type: 'review', input: { draft: 'poem' } })
await writer.call('task_submit', { id: 'count-1', type: 'count', input: { text: 'the sea at night' } })

// The reviewer takes what its kind of worker is for, reads the draft, and ends the task.
const { task } = await reviewer.call<Claimed>('task_claim', { types: ['review'], waitMs: 10_000 })
const { value } = await reviewer.call<{ value: string }>('memory_retrieve', { namespace: 'drafts', key: task.input.draft })
await reviewer.call('task_complete', { id: task.id, output: { verdict: `"${value}" needs a verb` } })

// Both results are everybody's, this process's too.
assert.deepEqual(await runtime.task('review-1').result(), { verdict: '"the sea at night" needs a verb' })
assert.equal(await runtime.task('count-1').result(), 4)
const { task: reviewed } = await writer.call<{ task: { status: string } }>('task_get', { id: 'review-1' })
assert.equal(reviewed.status, 'completed')

await Promise.all([writer.close(), reviewer.close()])
await runtime.shutdown()
rmSync(directory, { recursive: true })
console.log('ok an agent asked, another agent and a worker of this process answered, over one memory')

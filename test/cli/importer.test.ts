import { afterEach, expect, it } from 'vitest'
import { Importer } from '../../src/cli/importer.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'

const runtimes: Runtime[] = []
afterEach(async () => {
  for (const runtime of runtimes.splice(0)) await runtime.shutdown()
})

/** One import after the other of one key, and what is stored in the end. */
async function imports(...texts: (readonly [text: string, updatedAtMs: number | null])[]) {
  const runtime = createRuntime({ store: 'memory:' })
  runtimes.push(runtime)
  await runtime.ready()
  const outcomes: string[] = []
  let reason = ''
  for (const [content, updatedAtMs] of texts) {
    const importer = new Importer({ runtime, logger: silentLogger, isDry: false })
    await importer.take({ type: 'value', namespace: 'default', key: 'k', content, updatedAtMs, characters: null })
    const names = ['imported', 'unchanged', 'older', 'gone', 'skipped'] as const
    outcomes.push(names.filter((name) => importer[name] === 1).join())
    reason = importer.skippedTold[0]?.reason ?? reason
  }
  const stored = await runtime.memory.entry('mcp/default/k')
  return { outcomes, reason, value: stored?.value, revision: stored?.revision }
}

it('a text of which the time is not known is stored where there is nothing, and is unchanged when it comes with its time', async () => {
  const once = await imports(['a', null])
  expect(await imports(['a', null], ['a', null], ['a', 5000])).toMatchObject({
    outcomes: ['imported', 'unchanged', 'unchanged'],
    revision: once.revision,
  })
})

it('a text of which the time is not known replaces no other one, and is not passed over in silence', async () => {
  expect(await imports(['a', 5000], ['b', null])).toMatchObject({
    outcomes: ['imported', 'skipped'],
    value: 'a',
    reason: expect.stringMatching(/another text here.*delete the one here/),
  })
})

it('of two texts the later one stays, in whatever order they come', async () => {
  expect(await imports(['a', 5000], ['b', 6000])).toMatchObject({ outcomes: ['imported', 'imported'], value: 'b' })
  expect(await imports(['b', 6000], ['a', 5000])).toMatchObject({ outcomes: ['imported', 'older'], value: 'b' })
})

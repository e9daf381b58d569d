import { afterEach, expect, it } from 'vitest'
import { inspectKey } from '../../src/trace/beacon-keys.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { type Child, startChild, withDirectory } from '../process/children.ts'
import { InspectorFixture } from './inspector-fixture.ts'

const fixture = new InspectorFixture()
afterEach(() => fixture.end())

interface Ready {
  readonly ready: { readonly incarnation: string; readonly pid: number }
}

async function start(store: string, id: string): Promise<{ child: Child; incarnation: string; pid: number }> {
  const child = startChild('inspected.ts', { store, id, capacity: 4 })
  fixture.onEnd(() => child.process.kill('SIGKILL'))
  const { ready } = (await child.hears((message) => (message as Partial<Ready>).ready !== undefined)) as Ready
  return { child, ...ready }
}

it('two processes are seen with their actors; one that is killed is lost, its task taken over, and it comes back as another', async () => {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const [a, b] = await Promise.all([start(store, 'a'), start(store, 'b')])
    const { runtime, inspector, stream } = await fixture.serve({ others: true }, { store, workerId: 'watcher' })
    const page = await stream()
    for (const { incarnation, pid } of [a, b]) {
      expect(await page.record((record) => record.type === 'source' && record.source === incarnation)).toMatchObject({ pid })
      await page.record((record) => record.type === 'actor' && record.source === incarnation && /^worker\//.test(record.address))
    }
    await Promise.all(Array.from({ length: 8 }, (_, n) => runtime.submit({ id: `t${n}`, type: 'x' })))
    const hosts = (record: TraceRecord): boolean =>
      record.type === 'actor' && record.source === a.incarnation && record.address.startsWith('task/')
    await page.record(hosts)
    // Only what was claimed for good can be taken over.
    const isItsOwn = (value: unknown): boolean => {
      const { status, owner } = (value ?? {}) as { status?: string; owner?: string }
      return status === 'processing' && owner === 'a.worker'
    }
    await page.record((record) => record.type === 'change' && isItsOwn(record.entry.value))

    a.child.process.kill('SIGKILL')
    await page.record((record) => record.type === 'source.lost' && record.source === a.incarnation)
    // Its tasks are seen where they go on, or in memory: pending again under a new epoch.
    await page.record((record) => record.type === 'change' && JSON.stringify(record.entry.value).includes('"takeovers"'))
    const again = await start(store, 'a')
    expect(again.incarnation).not.toBe(a.incarnation)
    await page.record((record) => record.type === 'source' && record.source === again.incarnation)

    // The end of the inspector is the end of what it asked for.
    await inspector.close()
    await expect.poll(() => runtime.memory.get('task-sentinel/workers/b/inspector'), { timeout: 30_000 }).toBeNull()
    expect(await runtime.memory.get(inspectKey('task-sentinel'))).toBeNull()
    await Promise.all(
      [b, again].map(async ({ child }) => {
        child.process.send('end')
        expect(await child.ended).toEqual({ code: 0, signal: null })
      }),
    )
  })
}, 120_000)

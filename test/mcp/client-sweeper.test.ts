import { afterEach, describe, expect, it } from 'vitest'
import { clientSweeper } from '../../src/mcp/client-sweeper.ts'
import { expiredGraceMs, tombstoneRetentionMs } from '../../src/runtime/sweeper.ts'
import { MemoryFixture } from './memory-fixture.ts'

const fixture = new MemoryFixture()
afterEach(() => fixture.end())

describe('what clients left', () => {
  it('is deleted when it has expired and forgotten a day after; all else stays, whatever it is called', async () => {
    const { runtime, connect } = await fixture.serve()
    const { call } = await connect()
    const sweeper = clientSweeper(runtime, (error) => {
      throw error
    })
    const stored = async (namespace: string) => (await call('memory_list', { pattern: `mcp/${namespace}/**` })).entries.length
    await call('memory_store', { key: 'short', value: 'x', namespace: 'n', ttl: 1 })
    await call('memory_store', { key: 'deleted', value: 'x', namespace: 'n' })
    await call('memory_delete', { key: 'deleted', namespace: 'n' })
    await call('memory_store', { key: 'kept', value: 'x', namespace: 'n' })
    await call('memory_store', { key: 'x/record', value: { id: 'x', status: 'completed', endedMs: 0 }, namespace: 'tasks' })
    expect(await sweeper.sweep()).toBe(0)
    fixture.aheadMs = 1000 + expiredGraceMs
    expect(await sweeper.sweep()).toBe(1)
    expect(await stored('n')).toBe(3)
    fixture.aheadMs += tombstoneRetentionMs
    expect(await sweeper.sweep()).toBe(2)
    fixture.aheadMs *= 100
    expect(await sweeper.sweep()).toBe(0)
    expect(await stored('n')).toBe(1)
    expect(await stored('tasks')).toBe(1)
  })
})

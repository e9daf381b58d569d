/** Writing without compare-and-set: what is refused, what is compared, what is repaired, and that all come to one value. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../../src/domain/entry.ts'
import { MemorySyncError } from '../../../src/domain/errors.ts'
import { ConflictResolvers } from '../../../src/domain/resolvers.ts'
import { systemClock } from '../../../src/platform.ts'
import type { Store } from '../../../src/ports/store.ts'
import { joinOf } from '../../../src/stores/mcp/plain-join.ts'
import type { MutexHold } from '../../../src/stores/mcp/plain-mutex.ts'
import { createPlainStore } from '../../../src/stores/mcp/plain-store.ts'
import { PlainView } from '../../../src/stores/mcp/plain-view.ts'
import { PlainWriter } from '../../../src/stores/mcp/plain-write.ts'
import type { Registers } from '../../../src/stores/mcp/registers.ts'
import { createSeededRandom } from '../../../src/testing/seeded-random.ts'
import {
  assertConflict,
  assertFailed,
  assertStale,
  commit,
  committed,
  entryOf,
  listed,
  purge,
  put,
  tombstone,
  valueAt,
} from '../../../src/testing/store-contract/subject.ts'
import { call } from './claude-flow/connect.ts'
import { plainDialects, plainServer } from './plain-server.ts'

const namespace = 'task-sentinel'

function by(worker: string, counter: number, value: Entry['value'], timestamp = 1_700_000_000_000 + counter): Entry {
  return { value, version: { [worker]: counter }, timestamp, workerId: worker, x: { v: 1, d: [worker, counter, 'life'] } }
}

describe('a write with a condition or guard', () => {
  test('is refused where clients do not see each other, and nothing is written', async () => {
    const server = plainServer('claude-flow-v3')
    const store = await server.store()
    const receipts = await store.commit([
      [put('a', 1, { type: 'revision', revision: 1 })],
      [put('a', 1, { type: 'absent' })],
      [put('a', 1, { type: 'none' }, { scope: 'lock', epoch: 1, incarnation: 'i' })],
      [put('b', 1), put('a', 1, { type: 'absent' })],
    ])
    for (const receipt of receipts) assertFailed(receipt, 'not_supported')
    expect(receipts[0]).toMatchObject({ error: { message: expect.stringContaining('memory-sync serve') } })
    expect(receipts[0]).toMatchObject({ error: { message: expect.stringContaining('singleServer: true') } })
    expect(await listed(store.list('**'))).toEqual([])
    await server.close()
  })

  test('is judged by what the server has, not by what this handle has seen of it', async () => {
    const server = plainServer('claude-flow-v2')
    const [store, other] = [await server.store(), await server.store()]
    const first = await committed(store, put('lock', { epoch: 1, incarnation: 'one' }))
    await other.get('lock')
    const second = put('lock', { epoch: 2, incarnation: 'two' }, { type: 'absent' })
    assertConflict(await commit(other, second), 'lock', { epoch: 1, incarnation: 'one' })
    await committed(other, put('lock', { epoch: 2, incarnation: 'two' }))
    // It has looked at nothing since.
    const guard = { scope: 'lock', epoch: 1, incarnation: 'one' }
    const late = await commit(store, put('a', 1, { type: 'none' }, guard))
    assertStale(late, 'lock', { epoch: 2, incarnation: 'two' })
    const held = { type: 'revision', revision: first } as const
    assertConflict(await commit(store, put('lock', 'mine', held)), 'lock', { epoch: 2, incarnation: 'two' })
    expect(await valueAt(store, 'a')).toBe(undefined)
    await server.close()
  })

  test('writes nothing of a unit with an entry that is too large, wherever in it', async () => {
    const server = plainServer('claude-flow-v2')
    const store = await server.store({ entryBytesMax: 1000 })
    const absent = { type: 'absent' } as const
    assertFailed(await commit(store, put('a', 1, absent), put('b', 'x'.repeat(2000), absent)), 'too_large')
    expect(await listed(store.list('**'))).toEqual([])
    await server.close()
  })
})

describe('a turn to write that is over', () => {
  /** A writer over registers in memory, and a turn that ends before the n-th of its renewals. */
  function heldUntil(renewal: number) {
    const textByKey = new Map<string, string>()
    const registers: Registers = {
      listsAll: true,
      durability: 'none',
      read: async (_, key) => {
        const text = textByKey.get(key)
        return text === undefined ? null : { content: text, updatedAtMs: null }
      },
      write: async (_, key, text) => void textByKey.set(key, text),
      remove: async (_, key) => void textByKey.delete(key),
      list: async () => ({ entries: [], isComplete: true, settledMs: 0 }),
    }
    const view = new PlainView({ registers, namespace, clock: systemClock })
    const options = { registers, namespace, view, index: null, clock: systemClock, encoding: 'protected' } as const
    let renewals = 0
    const hold: MutexHold = {
      isFresh: true,
      renew: async () => {
        if (++renewals >= renewal) throw new MemorySyncError('store_unavailable', 'too slow')
      },
      release: async () => {},
    }
    return { textByKey, writer: new PlainWriter({ ...options, entryBytesMax: undefined, merge: undefined }), hold }
  }
  const unit = [put('a', 1, { type: 'absent' }), put('b', 2, { type: 'absent' })]

  test.each([1, 2, 3])('before its first write (renewal %i) leaves nothing written, and says so', async (renewal) => {
    const { textByKey, writer, hold } = heldUntil(renewal)
    assertFailed(await writer.commitHeld(unit, hold), 'store_unavailable')
    expect([...textByKey.keys()]).toEqual([])
  })

  test.each([4, 5])('in the middle of a unit (renewal %i) leaves an outcome that is not known', async (renewal) => {
    const { textByKey, writer, hold } = heldUntil(renewal)
    assertFailed(await writer.commitHeld(unit, hold), 'unknown_outcome')
    expect([...textByKey.keys()]).toEqual(['a'])
  })

  test('after the last write changes nothing', async () => {
    const { textByKey, writer, hold } = heldUntil(6)
    expect(await writer.commitHeld(unit, hold)).toMatchObject({ type: 'committed' })
    expect([...textByKey.keys()]).toEqual(['a', 'b'])
  })
})

describe.each(plainDialects)('a write on %s', (dialect) => {
  test('that is causal is made when the writer had seen what is stored', async () => {
    const server = plainServer(dialect)
    const [store, other] = [await server.store(), await server.store()]
    const context = (version: Record<string, number>) => ({ type: 'causal', context: version }) as const
    await committed(store, put('a', by('x', 1, 1), context({})))
    assertConflict(await commit(other, put('a', by('y', 1, 2), context({}))), 'a', 1)
    await committed(other, put('a', entryOf(2, { version: { x: 1, y: 1 } }), context({ x: 1 })))
    assertConflict(await commit(store, put('a', by('x', 2, 3), context({ x: 1 }))), 'a', 2)
    await committed(store, put('a', tombstone({ version: { x: 3, y: 1 } }), context({ x: 1, y: 1 })))
    assertConflict(await commit(other, put('a', by('y', 2, 4), context({ y: 1 }))), 'a', null)
    await server.close()
  })

  test('over a plain value of another program is made with an empty context', async () => {
    const server = plainServer(dialect)
    const client = await server.client()
    const [tool, store] = dialect === 'claude-flow-v2' ? ['memory_usage', { action: 'store' }] : ['memory_store', {}]
    await call(client, tool as string, { ...(store as object), namespace, key: 'a', value: 'plain' })
    const handle = await server.store()
    expect(await handle.get('a')).toMatchObject({ entry: { value: 'plain', version: {}, workerId: '' } })
    await committed(handle, put('a', by('x', 1, 'ours'), { type: 'causal', context: {} }))
    expect(await valueAt(handle, 'a')).toBe('ours')
    await server.close()
  })

  test('that is malformed is refused by itself; its neighbours take effect', async () => {
    const server = plainServer(dialect)
    const store = await server.store()
    const receipts = await store.commit([
      [put('a', 1)],
      [],
      [put('', 1)],
      [put('b', 1), put('b', 2)],
      [put('c', 1, JSON.parse('{"type":"sometimes"}'))],
      [put('d', 1, JSON.parse('{"type":"causal"}'))],
      JSON.parse('[null]'),
      [put('e', 'x'.repeat(600 * 1024))],
      [put('f', 1)],
    ])
    const codes = receipts.map((receipt) => (receipt.type === 'failed' ? receipt.error.code : receipt.type))
    const invalid = 'invalid_value'
    expect(codes).toEqual(['committed', invalid, 'invalid_key', invalid, invalid, invalid, invalid, 'too_large', 'committed'])
    expect((await listed(store.list('**'))).map(({ key }) => key)).toEqual(['a', 'f'])
    await server.close()
  })

  test('in a unit stops the unit when it is refused; what came before it stays', async () => {
    const server = plainServer(dialect)
    const store = await server.store()
    await committed(store, put('taken', by('x', 1, 0)))
    const unit = [put('a', 1), put('taken', by('y', 1, 1), { type: 'causal' as const, context: {} }), put('b', 1)]
    assertConflict(await commit(store, ...unit), 'taken', 0)
    expect([await valueAt(store, 'a'), await valueAt(store, 'b')]).toEqual([1, undefined])
    await server.close()
  })

  test('of nothing removes what is dead, and only that', async () => {
    const server = plainServer(dialect)
    const store = await server.store()
    await committed(store, put('live', 1), put('deleted', tombstone()))
    await committed(store, purge('deleted'))
    await committed(store, purge('never was'))
    assertConflict(await commit(store, purge('live')), 'live', 1)
    expect(await store.get('deleted')).toBe(null)
    expect((await listed(store.list('**'))).map(({ key }) => key)).toEqual(['live'])
    await server.close()
  })

  test('that races others ends in one value for all, which is that of the latest writer', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const server = plainServer(dialect)
      const stores = await Promise.all([server.store(), server.store(), server.store()])
      await Promise.all(
        stores.map((store, writer) =>
          committed(store, put('a', by(`w${writer}`, 1, `from ${writer}`, 1_700_000_000_000 + ((seed * 7 + writer) % 3)))),
        ),
      )
      // The last writer to look has repaired what was to be repaired.
      const read = await Promise.all(stores.map((store) => store.get('a')))
      const texts = new Set(read.map((stored) => JSON.stringify(stored?.entry)))
      expect(texts.size, `seed ${seed}`).toBe(1)
      await server.close()
    }
  })
})

describe('a writer that looks after its write', () => {
  /** A handle whose next write to a key is followed at once by somebody else's. */
  async function interrupted(
    entry: Entry,
    merge?: typeof ConflictResolvers.mergeObjects,
  ): Promise<{ store: Store; other: Store; close(): Promise<void> }> {
    const server = plainServer('claude-flow-v2')
    const other = await server.store()
    const connection = await server.connection()
    let isDue = true
    const store = createPlainStore(
      {
        ...connection,
        async call(tool, args, options) {
          const reply = await connection.call(tool, args, options)
          if (isDue && args.action === 'store' && args.key === 'a') {
            isDue = false
            const text = JSON.stringify(entry)
            await connection.call(tool, { action: 'store', namespace, key: 'a', value: text })
          }
          return reply
        },
      },
      'claude-flow-v2',
      { clock: systemClock, random: createSeededRandom(1), ...(merge === undefined ? {} : { merge }) },
    )
    return {
      store,
      other,
      async close() {
        await store.close()
        await server.close()
      },
    }
  }

  test('overwrites again what was written by somebody who is behind', async () => {
    const { store, other, close } = await interrupted(by('x', 1, 'old'))
    await committed(store, put('a', by('x', 2, 'new')))
    expect(await valueAt(other, 'a')).toBe('new')
    await close()
  })

  test('leaves what was written by somebody who had seen its own', async () => {
    const { store, other, close } = await interrupted(by('x', 3, 'newer'))
    const revision = await committed(store, put('a', by('x', 2, 'new')))
    expect(await valueAt(other, 'a')).toBe('newer')
    const stored = await store.get('a')
    expect(stored?.entry.value).toBe('newer')
    expect(stored?.revision).toBeGreaterThan(revision)
    await close()
  })

  test('overwrites again a plain value, which nobody can tell the age of', async () => {
    const { store, other, close } = await interrupted({ just: 'a value' } as unknown as Entry)
    await committed(store, put('a', by('x', 2, 'new')))
    expect(await valueAt(other, 'a')).toBe('new')
    await close()
  })

  test('writes the later of two that are concurrent, with both versions', async () => {
    for (const [timestamp, value] of [
      [1_700_000_009_000, 'theirs'],
      [1_600_000_000_000, 'mine'],
    ] as const) {
      const { store, other, close } = await interrupted(by('y', 1, 'theirs', timestamp))
      await committed(store, put('a', by('x', 1, 'mine')))
      const stored = await other.get('a')
      expect(stored?.entry.value).toBe(value)
      expect({ ...stored?.entry.version }).toEqual({ x: 1, y: 1 })
      expect((await store.get('a'))?.entry).toEqual(stored?.entry)
      await close()
    }
  })

  test('writes what the given merge makes of two that are concurrent, as nobody’s write', async () => {
    const { store, other, close } = await interrupted(by('y', 1, { b: 2 }), ConflictResolvers.mergeObjects)
    await committed(store, put('a', by('x', 1, { a: 1 })))
    const stored = await other.get('a')
    expect(stored?.entry.value).toEqual({ a: 1, b: 2 })
    expect(stored?.entry.x).toBe(undefined)
    await close()
  })

  test('tells its own watchers both, in order', async () => {
    const { store, close } = await interrupted(by('x', 3, 'newer'))
    const seen: unknown[] = []
    const watching = (async () => {
      for await (const item of store.watch('a', { after: 'now' })) {
        if (item.type !== 'changes') continue
        seen.push(...item.changes.map(({ entry }) => entry.value))
        if (seen.includes('newer')) return
      }
    })()
    await committed(store, put('a', by('x', 2, 'new')))
    await watching
    expect(seen).toEqual(['new', 'newer'])
    await close()
  })
})

describe('the join of two entries', () => {
  const entry = fc
    .record({ worker: fc.constantFrom('a', 'b', 'c'), n: fc.nat(3), ms: fc.nat(2), value: fc.jsonValue(), isDead: fc.boolean() })
    .map(({ worker, n, ms, value, isDead }) => {
      const made = by(worker, n, value as Entry['value'], ms)
      return isDead ? { ...made, value: null, x: { v: 1 as const, d: [worker, n, 'life'] as const, t: 1 as const } } : made
    })

  test('is the same for both orders, and is joined already', () => {
    fc.assert(
      fc.property(entry, entry, (one, other) => {
        const joined = joinOf(one, other, undefined, 0)
        expect(JSON.stringify(sorted(joinOf(other, one, undefined, 0)))).toBe(JSON.stringify(sorted(joined)))
        expect(JSON.stringify(sorted(joinOf(joined, one, undefined, 0)))).toBe(JSON.stringify(sorted(joined)))
      }),
      { numRuns: 500 },
    )
  })
})

function sorted(entry: Entry): Entry {
  return { ...entry, version: Object.fromEntries(Object.entries(entry.version).sort()) }
}

import { describe, expect, it } from 'vitest'
import { importedEntry, importLabel } from '../../src/cli/import-entry.ts'
import type { Entry } from '../../src/domain/entry.ts'
import { MemorySyncError } from '../../src/domain/errors.ts'
import type { Json } from '../../src/domain/json.ts'
import { encodeId } from '../../src/domain/key.ts'
import { compareVersions } from '../../src/domain/version-vector.ts'
import { labelOf } from '../../src/mcp/client-text.ts'
import { encodePlain } from '../../src/stores/mcp/plain-encoding.ts'

function imported(content: Json, { key = 'k', updatedAtMs = 1000 as number | null, characters = null as number | null } = {}) {
  return importedEntry({ type: 'value', namespace: 'default', key, content, updatedAtMs, characters })
}

const entry: Entry = {
  value: { naïve: true },
  version: { 'worker-1': 3 },
  timestamp: 1_700_000_000_000,
  workerId: 'worker-1',
  x: { v: 1, d: ['worker-1', 3, 'abcdefgh'] },
}

describe('an imported text', () => {
  it('is the text that was stored, whatever the server made of it', () => {
    const texts = (['plain', 123, true, null, { a: [1, 'x'] }, ['y']] as Json[]).map((content) => imported(content).entry.value)
    expect(texts).toEqual(['plain', '123', 'true', 'null', '{"a":[1,"x"]}', '["y"]'])
  })

  it('follows an earlier one of its key, and is the same as itself', () => {
    const [early, late] = [imported('a', { updatedAtMs: 1000 }).entry, imported('b', { updatedAtMs: 2000 }).entry]
    expect(compareVersions(late.version, early.version)).toBe('after')
    expect(imported('a', { updatedAtMs: 1000 }).entry).toEqual(early)
  })

  it('of unknown age is older than whatever is here', () => {
    const { version, timestamp } = imported('a', { updatedAtMs: null }).entry
    expect({ timestamp, order: compareVersions(version, { somebody: 1 }) }).toEqual({ timestamp: 0, order: 'before' })
  })

  it('has a writer that no client can be', () => {
    expect(importLabel).not.toBe(labelOf(encodeId(importLabel.slice(labelOf('').length))))
  })
})

describe('an imported entry', () => {
  it.each([
    ['protected', encodePlain(entry, 'protected')],
    ['as text', encodePlain(entry, 'readable')],
    ['parsed', JSON.parse(encodePlain(entry, 'readable')) as Json],
  ])('stays what it is, %s', (_, content) => {
    expect(imported(content).entry).toEqual(entry)
  })

  it('has the key that its writer named, in either server’s alphabet', () => {
    const keys = ['caf=C3=A9:x', 'caf=C3=A9=3Ax', 'a=3Db'].map((key) => imported(encodePlain(entry, 'readable'), { key }).key)
    expect(keys).toEqual(['café:x', 'café:x', 'a=b'])
  })

  it('of another program keeps its key', () => {
    const { x: _, ...plain } = entry
    expect(imported(JSON.stringify(plain), { key: 'a=3Db' }).key).toBe('a=3Db')
    expect(imported('a text', { key: 'a=3Db' }).key).toBe('a=3Db')
  })

  it('of a later format is refused, not taken for a text', () => {
    expect(() => imported(`ms1:${JSON.stringify({ ...entry, x: { v: 2 } })}`)).toThrow(MemorySyncError)
  })
})

describe('a doubt', () => {
  it.each([
    [12345678901234567000, null],
    [[{ id: 2 ** 53 }], null],
    [0.1234567890123456, null],
    [{ a: 1 }, 10],
    ['abc', 5],
  ] as [Json, number | null][])('is told for %j of %j characters', (content, characters) => {
    expect(imported(content, { characters }).doubt).toEqual(expect.any(String))
  })

  it.each([
    [123, 3],
    [-12.5, null],
    ['12345678901234567890 in a text', null],
    ['日本🎉', 3],
    ['日本🎉', 4],
    [{ a: 1 }, 7],
  ] as [Json, number | null][])('is not told for %j of %j characters', (content, characters) => {
    expect(imported(content, { characters }).doubt).toBeNull()
  })
})

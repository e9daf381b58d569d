import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foundMax, KeySearch } from '../../../src/stores/mcp/key-search.ts'

type Rows = ReadonlyMap<string, string>

/** A server's search over rows of key and value, and what a search for keys finds there. */
async function search(rows: Rows, { callsMax = 50_000, known = [] as string[], broken = '' } = {}) {
  const found = new Set(known)
  let calls = 0
  const keys = new KeySearch({
    async search(text) {
      calls++
      const source = lower(text)
        .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
        .replaceAll('%', '.*')
        .replaceAll('_', '.')
      const like = new RegExp(source, 'su')
      const hits = [...rows].filter(([key, value]) => like.test(lower(key)) || like.test(lower(value)))
      if (hits.some(([key]) => key === broken)) return null
      const given = hits.slice(0, foundMax).map(([key]) => key)
      for (const key of given) found.add(key)
      return given
    },
    async look(key) {
      calls++
      if (rows.has(key)) found.add(key)
      return rows.has(key)
    },
    callsMax,
  })
  const { isComplete } = await keys.run(known)
  expect(keys.calls).toBe(calls)
  return { found, isComplete, calls }
}

function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function rowsOf(keys: readonly string[], value: (key: string) => string = () => 'v'): Rows {
  return new Map(keys.map((key) => [key, value(key)]))
}

const numbered = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n))

describe('a search for keys', () => {
  it('finds every key, whatever the keys and values have in common', async () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 7 })
    const value = fc.string({ unit: fc.constantFrom('a', 'b', '/', '{'), maxLength: 12 })
    const pairs = fc.uniqueArray(fc.tuple(key, value), { minLength: 120, maxLength: 300, selector: ([name]) => name })
    await fc.assert(
      fc.asyncProperty(pairs, async (given) => {
        const rows: Rows = new Map(given)
        const { found, isComplete } = await search(rows)
        expect(isComplete).toBe(true)
        expect([...rows.keys()].filter((name) => !found.has(name))).toEqual([])
      }),
      { numRuns: 50 },
    )
  }, 60_000)

  it.each([
    ['numbers behind a long common beginning', numbered(1000, (n) => `projects/alpha/notes/${n}`)],
    ['a key that is the beginning of all others', [...numbered(200, (n) => `Task/${n}`), 'Task']],
    ['names with underscores', numbered(400, (n) => `user_profile_${n}`)],
    ['names with percent signs', numbered(200, (n) => `a%20b%2F${n}`)],
    ['capitals', numbered(300, (n) => `Config/Key${n}/VALUE`)],
    ['words that are not ASCII', numbered(300, (n) => `städte/日本/${n}`)],
  ])('finds %s', async (_, keys) => {
    const { found, isComplete, calls } = await search(rowsOf(keys), { known: keys.slice(0, 100) })
    expect({ isComplete, missing: keys.filter((key) => !found.has(key)) }).toEqual({ isComplete: true, missing: [] })
    expect(calls).toBeLessThan(10_000)
  })

  it('finds the keys of entries, whose texts are alike for the greater part', async () => {
    const keys = numbered(300, (n) => `task-sentinel/tasks/t${n}/state`)
    const entry = (key: string) =>
      JSON.stringify({ value: { key, status: 'completed' }, version: { 'worker-1': 1 }, timestamp: 17e11, workerId: 'worker-1' })
    const { found, isComplete } = await search(rowsOf(keys, entry), { known: keys.slice(0, 100) })
    expect({ isComplete, missing: keys.filter((key) => !found.has(key)) }).toEqual({ isComplete: true, missing: [] })
  }, 60_000)

  it('finds an underscore between parts that fifty others have, where it has seen it beside them', async () => {
    const common = numbered(60, (n) => n).flatMap((n) => [`x/a/${n}`, `x/b/${n}`])
    const known = ['a_a', 'b_b']
    const { found, isComplete } = await search(rowsOf([...common, ...known, 'b_a']), { known })
    expect({ isComplete, isFound: found.has('b_a') }).toEqual({ isComplete: true, isFound: true })
  })

  it('goes around a row that breaks every reply it is in', async () => {
    const keys = [...numbered(150, (n) => `notes/${n}`), 'poison']
    const { found, isComplete } = await search(rowsOf(keys), { broken: 'poison' })
    expect({ isComplete, count: found.size }).toEqual({ isComplete: true, count: keys.length })
  })

  it('ends at its bound and says that keys may be missing', async () => {
    const keys = numbered(1000, (n) => `projects/alpha/notes/${n}`)
    const { isComplete, calls } = await search(rowsOf(keys), { callsMax: 100 })
    expect(isComplete).toBe(false)
    expect(calls).toBeLessThanOrEqual(100)
  })
})

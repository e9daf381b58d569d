/** Writers that have not seen each other: the resolver decides, both end with its decision, and nothing is silently gone. */
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import { type ConflictResolver, ConflictResolvers } from '../../src/domain/resolvers.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { world } from './harness.ts'

function two(conflictResolver?: ConflictResolver) {
  const made = world()
  const options = conflictResolver === undefined ? {} : { conflictResolver }
  const [one, other] = [made.join(options), made.join(options)]
  return { ...made, one, other, a: one.runtime.memory, b: other.runtime.memory }
}

const union: ConflictResolver = (entries) => ({
  resolved: [...new Set(entries.flatMap(({ value }) => value as string[]))].sort(),
})

describe('a conflict', () => {
  test('without a resolver is won by the later to commit, whose version has seen the other', async () => {
    const { a, b, run } = two()
    await run(Promise.all([a.set('k', 'a'), b.set('k', 'b')]))
    const entry = await run(a.entry('k'))
    expect(entry?.value).toBe('b')
    expect(Object.keys(entry?.entry.version ?? {}).length).toBe(2)
  })

  test('is given to the resolver with both entries, and its result is what both read', async () => {
    const seen: Json[][] = []
    const { a, b, run } = two((entries) => {
      seen.push(entries.map(({ value }) => value))
      return union(entries)
    })
    await run(Promise.all([a.set('k', ['a']), b.set('k', ['b'])]))
    expect(seen).toEqual([[['a'], ['b']]])
    expect([await run(a.get('k')), await run(b.get('k'))]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
  })

  test('is none when the later writer had read what it overwrites', async () => {
    let runs = 0
    const { a, b, run } = two((entries) => {
      runs++
      return union(entries)
    })
    await run(a.set('k', ['a']))
    await run(b.get('k'))
    await run(b.set('k', ['b']))
    expect([await run(a.get('k')), runs]).toEqual([['b'], 0])
  })

  test('merged by field keeps the writers of the fields, so that a third writer is merged rightly', async () => {
    const { join, run } = world()
    const options = { conflictResolver: ConflictResolvers.mergeObjects }
    const members = [join(options), join(options), join(options)].map(({ runtime }) => runtime.memory)
    await run(Promise.all(members.map((memory) => memory.get('k'))))
    await run(Promise.all(members.map((memory, index) => memory.set('k', { [`from-${index}`]: index, shared: index }))))
    const item = await run((members[0] as (typeof members)[0]).entry('k'))
    expect(item?.value).toMatchObject({ 'from-0': 0, 'from-1': 1, 'from-2': 2 })
    expect(Object.keys(item?.entry.x?.f ?? {}).sort()).toEqual(['from-0', 'from-1', 'from-2', 'shared'])
  })

  test('with a resolver that fails is decided by the last write, and reported', async () => {
    for (const broken of [
      () => {
        throw new Error('broken')
      },
      () => ({ resolved: () => 1 }),
      () => Promise.resolve({ resolved: 1 }) as never,
    ] satisfies ConflictResolver[]) {
      const { a, b, run, one, other } = two(broken)
      await run(Promise.all([a.set('k', 'a'), b.set('k', 'b')]))
      expect(await run(a.get('k'))).toBe(await run(b.get('k')))
      const codes = [...one.problems, ...other.problems].map(({ code }) => code)
      expect(codes).toEqual(['invalid_option'])
    }
  })

  test('between a value and its deletion is won by the later of the two, never merged', async () => {
    const { a, b, run, clock } = two(() => expect.unreachable('there is nothing to merge'))
    await run(a.set('k', 'first'))
    await run(b.get('k'))
    const deleted = a.delete('k')
    await clock.settle()
    await run(Promise.all([deleted, b.set('k', 'second')]))
    expect(await run(a.get('k'))).toBe(await run(b.get('k')))
  })
})

describe('two writers of one key, 1,000 rounds in random order', () => {
  const random = createSeededRandom(7)
  const contributions = (round: number): [Json, Json] => [[`a${round}`], [`b${round}`]]
  test.each([
    ['lastWriteWins', ConflictResolvers.lastWriteWins, contributions],
    ['mergeArrays', ConflictResolvers.mergeArrays, contributions],
    ['mergeObjects', ConflictResolvers.mergeObjects, (round: number) => [{ a: round }, { b: round }] as [Json, Json]],
    ['maxValue', ConflictResolvers.maxValue, (round: number) => [round % 7, round % 5] as [Json, Json]],
    ['a custom one', union, contributions],
  ])('%s: both end equal, every conflict is counted', async (name, resolver, valuesOf) => {
    const { a, b, run, one, other } = two(resolver)
    let conflicts = 0
    for (let round = 0; round < 1000; round++) {
      const key = `k/${round}`
      const [mine, yours] = valuesOf(round)
      const writes = [() => a.set(key, mine), () => b.set(key, yours)]
      if (random.next() < 0.5) writes.reverse()
      await run(Promise.all(writes.map((write) => write())))
      const [atA, atB] = [await run(a.entry(key)), await run(b.entry(key))]
      expect(atA).toEqual(atB)
      if (name === 'mergeArrays' || name === 'a custom one') expect(atA?.value).toEqual([`a${round}`, `b${round}`])
      if (name === 'mergeObjects') expect(atA?.value).toEqual({ a: round, b: round })
      if (name === 'maxValue') expect(atA?.value).toBe(Math.max(round % 7, round % 5))
      conflicts = one.runtime.inside.conflicts() + other.runtime.inside.conflicts()
      expect(conflicts).toBe(round + 1)
    }
  })
})

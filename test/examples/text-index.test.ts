/** The pure part of the main job: counting, indexing, splitting and merging. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  factsOf,
  type Index,
  indexOf,
  linesPerPostingMax,
  merged,
  shardsOf,
  wordLengthMax,
} from '../../examples/main-job/text-index.ts'

const texts = fc.array(fc.stringMatching(/^[a-d \n]{0,40}$/), { maxLength: 6 })

describe('the facts of a text', () => {
  test.each([
    ['', 0, 0],
    ['one', 1, 1],
    ['one two\n', 1, 2],
    ['one\n\ntwo', 3, 2],
    ['\n', 1, 0],
    ['snake_case camelCase 42 größe', 1, 4],
  ])('%j has %i lines and %i words', async (text, lines, words) => {
    expect(await factsOf(Buffer.from(text))).toMatchObject({ lines, words, bytes: Buffer.byteLength(text) })
  })

  test('the hash is that of the bytes, whatever text they make', async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x41])
    expect((await factsOf(bytes)).sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test('progress is told before each chunk, and what it throws ends the work', async () => {
    const reached: number[] = []
    await factsOf(Buffer.alloc(40_000), (fraction) => reached.push(fraction))
    expect(reached).toEqual([0, 16_384 / 40_000, 32_768 / 40_000])
    const stop = new Error('stop')
    const stopped = factsOf(Buffer.alloc(1), () => {
      throw stop
    })
    await expect(stopped).rejects.toBe(stop)
  })
})

describe('the index of a text', () => {
  test('names each word once, with its occurrences and first lines', () => {
    expect(indexOf('the cat\nthe Cat cat\n', 7)).toEqual([
      ['cat', [7, 3, 1, 2]],
      ['the', [7, 2, 1, 2]],
    ])
  })

  test('keeps the first lines and goes on counting', () => {
    const [row] = indexOf('x\n'.repeat(100), 0)
    expect(row?.[1]).toEqual([0, 100, 1, 2, 3, 4, 5])
    expect(row?.[1]?.length).toBe(2 + linesPerPostingMax)
  })

  test('cuts endless words, and words that objects have for members are words like others', () => {
    const [[long] = ['']] = indexOf('y'.repeat(1000), 0)
    expect(long.length).toBe(wordLengthMax)
    expect(indexOf('__proto__ constructor', 0).map(([word]) => word)).toEqual(['__proto__', 'constructor'])
  })
})

describe('merging', () => {
  const partsOf = (all: readonly string[]): Index[] => all.map((text, file) => indexOf(text, file))

  test('the order of the parts does not matter', () => {
    fc.assert(
      fc.property(texts, (all) => {
        expect(merged(partsOf(all).reverse())).toEqual(merged(partsOf(all)))
      }),
    )
  })

  test('merging merged parts is merging all at once', () => {
    fc.assert(
      fc.property(texts, fc.nat(6), (all, at) => {
        const parts = partsOf(all)
        expect(merged([merged(parts.slice(0, at)), merged(parts.slice(at))])).toEqual(merged(parts))
      }),
    )
  })

  test('shards are disjoint, and merged shards are the merged whole', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 9 }), (all, shards) => {
        const split = partsOf(all).map((part) => shardsOf(part, shards))
        const byShard = Array.from({ length: shards }, (_, shard) => merged(split.map((parts) => parts[shard] ?? [])))
        const words = byShard.flatMap((shard) => shard.map(([word]) => word))
        expect(new Set(words).size).toBe(words.length)
        expect(merged(byShard)).toEqual(merged(partsOf(all)))
      }),
    )
  })

  test('changes none of its parts', () => {
    const parts = partsOf(['a b', 'b c'])
    const before = structuredClone(parts)
    merged(parts)
    expect(parts).toEqual(before)
  })
})

/**
 * What is computed of a text: its hash, its counts, how far it can be packed, and its part of an inverted index; and how
 * such parts become one index. Pure: it knows no files, no tasks and no memory. Everything it gives is plain JSON.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress } from 'node:zlib'

/** Packed at once. */
const chunkBytes = 16 * 1024
const pack = promisify(brotliCompress)

/** A word's first lines per file; further ones are only counted. */
export const linesPerPostingMax = 5
/** Longer words are cut: encoded blobs are one endless word. */
export const wordLengthMax = 64

export type TextFacts = {
  readonly bytes: number
  readonly lines: number
  readonly words: number
  readonly sha256: string
  /** Size after compression, chunk by chunk: how much the text repeats itself. */
  readonly packedBytes: number
}

/** `[file, occurrences, ...first lines]`; files are numbers, lines count from 1. */
export type Posting = readonly number[]
/** A word and where it occurs, by file. */
export type Row = readonly [word: string, ...postings: Posting[]]
/** Sorted by word, postings sorted by file: equal indexes are equal JSON. */
export type Index = readonly Row[]

const wordPattern = /[\p{L}\p{N}_]+/gu

/** @param reached Called with the fraction that is packed; what it throws ends the work. */
export async function factsOf(content: Buffer, reached: (fraction: number) => void = () => {}): Promise<TextFacts> {
  let packedBytes = 0
  for (let at = 0; at < content.length; at += chunkBytes) {
    reached(at / content.length)
    packedBytes += (await pack(content.subarray(at, at + chunkBytes))).length
  }
  const text = content.toString()
  let lines = text === '' || text.endsWith('\n') ? 0 : 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
  let words = 0
  for (const _ of text.matchAll(wordPattern)) words++
  return { bytes: content.length, lines, words, sha256: createHash('sha256').update(content).digest('hex'), packedBytes }
}

/** The index of one text, which is the file number `file`. */
export function indexOf(text: string, file: number): Index {
  const postings = new Map<string, number[]>()
  let line = 0
  for (const lineText of text.split('\n')) {
    line++
    for (const [match] of lineText.matchAll(wordPattern)) {
      const word = match.toLowerCase().slice(0, wordLengthMax).toWellFormed()
      const posting = postings.get(word)
      if (posting === undefined) postings.set(word, [file, 1, line])
      else {
        posting[1] = (posting[1] ?? 0) + 1
        if (posting.length < 2 + linesPerPostingMax && posting.at(-1) !== line) posting.push(line)
      }
    }
  }
  return sorted([...postings].map(([word, posting]) => [word, posting]))
}

/** Splits an index by the hashes of its words. Every index that is split into as many shards splits alike. */
export function shardsOf(index: Index, shards: number): Index[] {
  const byShard: Row[][] = Array.from({ length: shards }, () => [])
  for (const row of index) byShard[hashOf(row[0]) % shards]?.push(row)
  return byShard
}

/** One index of many, in whatever order they come. No file may occur in two of them. */
export function merged(parts: readonly Index[]): Index {
  const postings = new Map<string, Posting[]>()
  for (const part of parts) {
    for (const [word, ...own] of part) {
      const all = postings.get(word)
      if (all === undefined) postings.set(word, own)
      else all.push(...own)
    }
  }
  return sorted([...postings].map(([word, all]) => [word, ...all.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))]))
}

function sorted(rows: Row[]): Index {
  return rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/** FNV-1a, 32 bits. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

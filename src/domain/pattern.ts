/**
 * Patterns over keys. `*` matches inside one segment; a last segment `*` matches one or more segments, so `ns/*` is
 * everything below `ns`; `**` matches any number of segments, none included. All else is literal.
 *
 * Knows nothing of who asks: `pattern-trie.ts` asks for many patterns at once and must agree with `matches`.
 */

import { MemorySyncError, quote } from './errors.ts'
import { exceedsKeyBytes, keyBytesMax, keyTextFault } from './key.ts'

/** Bounds the work of one match: it is at worst (segments of the key) x (segments of a pattern with wildcards). */
export const patternSegmentsMax = 64

export interface Pattern {
  readonly text: string
  /** In normal form: stars in a row are one, but for a segment `**`; several of these in a row are one. */
  readonly segments: readonly string[]
  /** Every matching key begins with it: what a store scans. */
  readonly prefix: string
  /** The one key that it matches, when it has no wildcard. */
  readonly key: string | null
  matches(key: string): boolean
}

/** @throws `invalid_key` for an empty, overlong or malformed pattern. */
export function parsePattern(text: string): Pattern {
  const given = typeof text === 'string' ? text.split('/') : []
  const reason = patternFault(text, given)
  if (reason !== null) throw new MemorySyncError('invalid_key', `pattern ${quote(text)} ${reason}`)
  const firstWild = given.findIndex((segment) => segment.includes('*'))
  if (firstWild === -1) return { text, segments: given, prefix: text, key: text, matches: (key) => key === text }

  const segments = given
    .map((segment) => (segment === '**' ? segment : segment.replace(/\*+/g, '*')))
    .filter((segment, index, all) => segment !== '**' || all[index - 1] !== '**')
  const prefix = prefixOf(segments, firstWild)
  if (segments.length === firstWild + 1 && segments[firstWild] === '*') {
    return { text, segments, prefix, key: null, matches: (key) => key.length > prefix.length && key.startsWith(prefix) }
  }
  if (segments.length === firstWild + 1 && segments[firstWild] === '**') {
    // `**` alone is what every process follows: no key is taken apart for it.
    const below = prefix === '' ? '' : `${prefix}/`
    return { text, segments, prefix, key: null, matches: (key) => key.startsWith(below) || key === prefix }
  }
  const matchers = segments.map(segmentMatcher)
  return {
    text,
    segments,
    prefix,
    key: null,
    matches: (key) => key.startsWith(prefix) && matchSegments(segments, matchers, key.split('/')),
  }
}

function patternFault(text: unknown, segments: readonly string[]): string | null {
  if (typeof text !== 'string' || text.length === 0) return 'must be a non-empty string'
  if (exceedsKeyBytes(text)) return `is longer than ${keyBytesMax} UTF-8 bytes`
  if (segments.includes('')) return 'has an empty segment'
  if (segments.length > patternSegmentsMax && text.includes('*')) return `has more than ${patternSegmentsMax} segments`
  return keyTextFault(text)
}

function prefixOf(segments: readonly string[], firstWild: number): string {
  const above = segments.slice(0, firstWild)
  const wild = segments[firstWild] ?? ''
  // `ns/**` matches `ns` itself, so the slash before it is no part of what every match begins with.
  if (wild === '**' && segments.length === firstWild + 1) return above.join('/')
  return [...above, wild.slice(0, wild.indexOf('*'))].join('/')
}

type SegmentMatcher = (segment: string) => boolean

function matchSegments(pattern: readonly string[], matchers: readonly SegmentMatcher[], key: readonly string[]): boolean {
  // The greedy algorithm for wildcards, over segments: on a mismatch, let the last `**` take one more.
  let p = 0
  let k = 0
  let starAt = -1
  let starTook = 0
  while (k < key.length) {
    if (pattern[p] === '**') {
      starAt = p++
      starTook = k
    } else if (pattern[p] === '*' && p === pattern.length - 1) {
      return true
    } else if (matchers[p]?.(key[k] as string) === true) {
      p++
      k++
    } else if (starAt !== -1) {
      p = starAt + 1
      k = ++starTook
    } else {
      return false
    }
  }
  if (pattern[p] === '**') p++
  return p === pattern.length
}

/** A segment with wildcards, taken apart. */
export interface SegmentParts {
  readonly start: string
  /** In this order, without overlap, between start and end. */
  readonly middle: readonly string[]
  readonly end: string
}

/** null when the segment has no wildcard. */
export function partsOfSegment(segment: string): SegmentParts | null {
  const parts = segment.split('*')
  const start = parts.shift() ?? ''
  const end = parts.pop()
  return end === undefined ? null : { start, middle: parts, end }
}

/** Whether `segment` fits, given that it begins with `start`, ends with `end` and is at least as long as both. */
export function matchesMiddle({ start, middle, end }: SegmentParts, segment: string): boolean {
  let from = start.length
  const before = segment.length - end.length
  for (const part of middle) {
    const found = segment.indexOf(part, from)
    if (found === -1 || found + part.length > before) return false
    from = found + part.length
  }
  return true
}

function segmentMatcher(pattern: string): SegmentMatcher {
  const parts = partsOfSegment(pattern)
  if (parts === null) return (segment) => segment === pattern
  const { start, end } = parts
  return (segment) =>
    segment.length >= start.length + end.length &&
    segment.startsWith(start) &&
    segment.endsWith(end) &&
    matchesMiddle(parts, segment)
}

import { describe, expect, it } from 'vitest'
import { contextOf, type Entry, hybridTimestampOf, isExpired, isLive, isSameWrite, isTombstone } from '../../src/domain/entry.ts'
import { emptyVersion, parseVersion } from '../../src/domain/version-vector.ts'

const atMs = 1_700_000_000_000
const plain: Entry = { value: 1, version: parseVersion({ w: 1 }), timestamp: atMs, workerId: 'w' }
const ours: Entry = { ...plain, x: { v: 1, d: ['w', 1, 'aaaaaaaa'] } }

describe('entries', () => {
  it('expire when their seconds are over, and never without a ttl or with 0', () => {
    const short: Entry = { ...plain, ttl: 3 }
    expect(isExpired(short, atMs + 2999)).toBe(false)
    expect(isExpired(short, atMs + 3000)).toBe(true)
    expect(isExpired({ ...plain, ttl: 0 }, Number.MAX_SAFE_INTEGER)).toBe(false)
    expect(isExpired(plain, Number.MAX_SAFE_INTEGER)).toBe(false)
  })

  it('are live unless deleted or expired', () => {
    const tombstone: Entry = { ...ours, value: null, x: { v: 1, d: ['w', 2, 'aaaaaaaa'], t: 1 } }
    expect([plain, ours, tombstone].map(isTombstone)).toEqual([false, false, true])
    expect([plain, tombstone, { ...plain, ttl: 1 }].map((entry) => isLive(entry, atMs + 5000))).toEqual([true, false, false])
  })

  it('are of the same write when worker, counter and life agree; foreign ones never are', () => {
    expect(isSameWrite(ours, { ...ours, value: 2 })).toBe(true)
    expect(isSameWrite(ours, { ...ours, x: { v: 1, d: ['w', 1, 'bbbbbbbb'] } })).toBe(false)
    expect(isSameWrite(ours, { ...ours, x: { v: 1, d: ['w', 2, 'aaaaaaaa'] } })).toBe(false)
    expect(isSameWrite(ours, { ...ours, x: { v: 1, d: ['v', 1, 'aaaaaaaa'] } })).toBe(false)
    expect(isSameWrite(plain, plain)).toBe(false)
    expect(isSameWrite(plain, ours)).toBe(false)
  })

  it('give their time and what a writer must have seen', () => {
    expect(hybridTimestampOf(plain)).toEqual({ ms: atMs, counter: 0 })
    expect(hybridTimestampOf({ ...ours, x: { v: 1, d: ['w', 1, 'a'], c: 4 } })).toEqual({ ms: atMs, counter: 4 })
    expect(contextOf(plain)).toBe(plain.version)
    expect(contextOf(null)).toBe(emptyVersion)
    expect(contextOf(undefined)).toBe(emptyVersion)
  })
})

/** Who had a lock: each holding once, with how it ended. */
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../src/domain/json.ts'
import { acquired, forced, type LockRecord, released, renewed } from '../../../src/domain/lock-record.ts'
import type { EntryVersion } from '../../../src/inspector/page/model/session-state.ts'
import { holdingsOf } from '../../../src/inspector/page/panes/lock-story.ts'

const lease = (renewedAtMs: number) => ({ leaseMs: 30_000, bootId: 'boot', renewedAtMs })
const alpha = { owner: 'alpha', incarnation: 'alpha-1' }
const beta = { owner: 'beta', incarnation: 'beta-1' }

function versionsOf(...values: readonly (LockRecord | string)[]): EntryVersion[] {
  return values.map((value, index) => ({
    revision: index + 1,
    atMs: 100 * (index + 1),
    position: index,
    entry: { value: value as Json, version: { w: index + 1 }, timestamp: 100 * (index + 1), workerId: 'writer' },
  }))
}

const first = acquired(null, alpha, 'a', lease(1))

describe('the story of a lock', () => {
  it('tells one holding from its acquisition over its renewals to its release', () => {
    expect(holdingsOf(versionsOf(first, renewed(first, lease(2)), renewed(first, lease(3)), released(first)))).toEqual([
      { owner: 'alpha', epoch: 1, fromMs: 100, renewals: 2, end: { how: 'released', atMs: 400, by: 'writer' }, position: 0 },
    ])
  })

  it('tells who took it over, and who holds it', () => {
    const holdings = holdingsOf(versionsOf(first, acquired(first, beta, 'b', lease(9))))
    expect(holdings.map(({ owner, epoch, end }) => [owner, epoch, end?.how ?? null, end?.by ?? null])).toEqual([
      ['alpha', 1, 'taken over', 'beta'],
      ['beta', 2, null, null],
    ])
  })

  it('tells a release by force from one by the holder', () => {
    expect(holdingsOf(versionsOf(first, forced(first)))[0]?.end?.how).toBe('forced')
  })

  it('ends a holding whose record was replaced by something else', () => {
    expect(holdingsOf(versionsOf(first, 'junk'))[0]?.end?.how).toBe('replaced')
  })

  it('tells nothing of a lock that nobody was seen to hold', () => {
    expect(holdingsOf(versionsOf(released(first), 'junk'))).toEqual([])
  })

  it('takes an acquisition again by the same owner for another holding', () => {
    const again = acquired(released(first), alpha, 'b', lease(5))
    expect(holdingsOf(versionsOf(first, released(first), again)).map(({ epoch }) => epoch)).toEqual([1, 2])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Operation, violationsOf } from './linearizability.ts'

const write = (revision: number | null, calledMs: number, answeredMs: number, expected?: number): Operation => ({
  kind: 'write',
  revision,
  value: `v${revision ?? 'unknown'}`,
  calledMs,
  answeredMs,
  ...(expected === undefined ? {} : { expected }),
})
const read = (
  revision: number,
  calledMs: number,
  answeredMs: number,
  value = revision === 0 ? null : `v${revision}`,
): Operation => ({
  kind: 'read',
  revision,
  value,
  calledMs,
  answeredMs,
})

describe('the check of a history', () => {
  it('accepts what happened one after the other, and what overlapped', () => {
    expect(violationsOf([])).toEqual([])
    expect(violationsOf([read(0, 0, 1), write(1, 2, 3), read(1, 4, 5), write(2, 6, 7, 1), read(2, 8, 9)])).toEqual([])
    // The second is called first and answered last.
    expect(violationsOf([write(2, 0, 10), write(1, 1, 2), read(1, 3, 4), read(2, 5, 6)])).toEqual([])
    expect(violationsOf([write(1, 0, 1), write(2, 2, 9), read(2, 3, 4), read(2, 5, 6)])).toEqual([])
  })

  it.each<[string, Operation[], RegExp]>([
    [
      'a stale read',
      [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
      /read of revision 1 was answered|write of revision 2 was answered/,
    ],
    [
      'nothing read after a write',
      [write(1, 0, 1), read(0, 2, 3)],
      /write of revision 1 was answered at 1 ms, before the read of revision 0/,
    ],
    [
      'a read of the future',
      [read(1, 0, 1), write(1, 2, 3)],
      /read of revision 1 was answered at 1 ms, before the write of revision 1/,
    ],
    ['reads that go back', [write(1, 0, 1), write(2, 2, 9), read(2, 3, 4), read(1, 5, 6)], /before the read of revision 1/],
    ['writes against their order', [write(2, 0, 1), write(1, 2, 3)], /before the write of revision 1/],
    ['a value of another revision', [write(1, 0, 1), write(2, 2, 3), read(2, 4, 5, 'v1')], /where v2 was written/],
    ['a value that nobody wrote', [write(1, 0, 1), read(7, 2, 3)], /which nobody wrote/],
    ['one revision given twice', [write(1, 0, 1), { ...write(1, 2, 3), value: 'other' }], /two writes have revision 1/],
    ['a condition that did not hold', [write(1, 0, 1), write(2, 2, 3, 1), write(3, 4, 5, 1)], /asked for 1 and followed 2/],
    ['a write lost', [write(1, 0, 1), write(2, 2, 3, 1), read(1, 4, 5)], /before the read of revision 1/],
  ])('finds %s', (_, history, fault) => {
    expect(violationsOf(history).join('\n')).toMatch(fault)
  })

  it('lets a write of unknown outcome have happened, at any time after its call, or not', () => {
    const unknown: Operation = { ...write(null, 3, Number.POSITIVE_INFINITY), value: 'u' }
    expect(violationsOf([write(1, 0, 1), unknown, read(1, 20, 21)])).toEqual([])
    expect(violationsOf([write(1, 0, 1), unknown, read(1, 10, 11), read(2, 20, 21, 'u')])).toEqual([])
    expect(violationsOf([write(1, 0, 1), unknown, read(2, 20, 21, 'u'), read(1, 30, 31)])).not.toEqual([])
    expect(violationsOf([write(1, 0, 1), read(2, 1, 2, 'u'), unknown])).not.toEqual([])
  })

  it('agrees with trying all orders, on small histories', () => {
    const times = fc.tuple(fc.nat(8), fc.nat(8)).map(([a, b]) => ({ calledMs: Math.min(a, b), answeredMs: Math.max(a, b) }))
    const histories = fc
      .tuple(fc.array(times, { maxLength: 3 }), fc.array(fc.tuple(times, fc.nat(3)), { maxLength: 3 }))
      .map(([writes, reads]) => [
        ...writes.map(({ calledMs, answeredMs }, index) => write(index + 1, calledMs, answeredMs)),
        ...reads.map(([{ calledMs, answeredMs }, nth]) => read(Math.min(nth, writes.length), calledMs, answeredMs)),
      ])
    fc.assert(
      fc.property(histories, (history) => {
        expect(violationsOf(history).length === 0).toBe(hasSomeOrder(history))
      }),
      { numRuns: 500 },
    )
  })
})

/** Whether some order respects real time, the order of revisions, and gives each read the last write before it. */
function hasSomeOrder(left: readonly Operation[], revision = 0): boolean {
  if (left.length === 0) return true
  return left.some((next) => {
    const others = left.filter((other) => other !== next)
    if (others.some((other) => other.answeredMs < next.calledMs)) return false
    const isPossible = next.kind === 'write' ? next.revision === revision + 1 : next.revision === revision
    return isPossible && hasSomeOrder(others, next.revision ?? revision)
  })
}

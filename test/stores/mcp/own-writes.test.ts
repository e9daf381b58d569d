import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/domain/entry.ts'
import type { SizedUnit } from '../../../src/stores/mcp/commit-lane.ts'
import { OwnWrites, ownBytesMin } from '../../../src/stores/mcp/own-writes.ts'

function unitOf(counter: number, incarnation = 'life', bytes = 100): SizedUnit {
  const entry: Entry = {
    value: counter,
    version: { w: counter },
    timestamp: 1,
    workerId: 'w',
    x: { v: 1, d: ['w', counter, incarnation] },
  }
  return { unit: [{ key: `k${counter}`, entry, condition: { type: 'none' } }], bytes }
}

describe('own writes', () => {
  it('are found by counter and key', () => {
    const own = new OwnWrites()
    expect(own.incarnation).toBeUndefined()
    own.remember(unitOf(1))
    expect(own.incarnation).toBe('life')
    expect(own.entryOf(1, 'k1')).toMatchObject({ value: 1 })
    expect(own.entryOf(1, 'k2')).toBeUndefined()
    expect(own.entryOf(2, 'k2')).toBeUndefined()
  })

  it('are those of one life: another one on the same store counts anew', () => {
    const own = new OwnWrites()
    own.remember(unitOf(1))
    own.remember(unitOf(2, 'other'))
    expect(own.incarnation).toBe('life')
    expect(own.entryOf(2, 'k2')).toBeUndefined()
  })

  it('are forgotten by their size', () => {
    const own = new OwnWrites()
    own.remember(unitOf(1))
    for (let counter = 2; counter < 5; counter++) own.remember(unitOf(counter, 'life', ownBytesMin))
    expect(own.entryOf(1, 'k1')).toBeUndefined()
    expect(own.entryOf(4, 'k4')).toBeDefined()
  })
})

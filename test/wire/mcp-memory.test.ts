import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Unit } from '../../src/ports/store.ts'
import { briefReceipts, receiptsOf, type WireReceipt } from '../../src/wire/mcp-memory.ts'

const write = { key: 'k', entry: null, condition: { type: 'none' } } as const
const unitOf = (writes: number): Unit => Array.from({ length: writes }, () => write)

/** Units and receipts as a store gives them: revisions rise, and some units are refused. */
const answered = fc.array(
  fc.record({
    writes: fc.integer({ min: 1, max: 3 }),
    isCommitted: fc.boolean(),
    gap: fc.integer({ min: 0, max: 1 }),
    durability: fc.constantFrom('none' as const, 'fsync' as const),
  }),
)

describe('receipts of a call', () => {
  it('are the same after they were told in brief', () => {
    fc.assert(
      fc.property(answered, (given) => {
        let revision = 1
        const units = given.map(({ writes }) => unitOf(writes))
        const receipts = given.map(({ writes, isCommitted, gap, durability }): WireReceipt => {
          if (!isCommitted) return { type: 'conflict', key: 'k', stored: null }
          revision += gap
          const receipt: WireReceipt = { type: 'committed', revision, durability }
          revision += writes
          return receipt
        })
        expect(receiptsOf(briefReceipts(receipts, units), units)).toEqual(receipts)
        expect(receiptsOf(receipts, units)).toEqual(receipts)
      }),
    )
  })

  it('of a hundred units that were all committed are one', () => {
    const units = Array.from({ length: 100 }, () => unitOf(1))
    const receipts = units.map((_, index): WireReceipt => ({ type: 'committed', revision: 7 + index, durability: 'none' }))
    expect(briefReceipts(receipts, units)).toEqual([{ type: 'committed', revision: 7, durability: 'none', count: 100 }])
  })

  it('are never more than the units, whatever a server counts', () => {
    const told: WireReceipt[] = [{ type: 'committed', revision: 1, durability: 'none', count: 2 ** 50 }]
    expect(receiptsOf(told, [unitOf(1), unitOf(1)])).toHaveLength(2)
  })
})

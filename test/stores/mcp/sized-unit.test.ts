import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Unit } from '../../../src/ports/store.ts'
import { sizedUnit } from '../../../src/stores/mcp/sized-unit.ts'
import { checkEntry } from '../../../src/wire/entry-codec.ts'
import { memoryCommit } from '../../../src/wire/mcp-memory.ts'

const schema = z.object(memoryCommit.input)
const bytesMax = 512 * 1024

const oddNumber = fc.oneof(
  { weight: 8, arbitrary: fc.nat() },
  fc.constantFrom(-1, 0.5, 2 ** 53, Number.NaN, '1', null, undefined),
)
const version = fc.oneof(fc.dictionary(fc.string({ maxLength: 3 }), oddNumber, { maxKeys: 2 }), fc.constant(null))
const entry = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(null, { value: 1, version: { w: 1 }, timestamp: 1, workerId: 'w' }) },
  fc.record(
    { value: fc.jsonValue(), version, timestamp: oddNumber, workerId: fc.constantFrom('w', 1, undefined) },
    { requiredKeys: [] },
  ),
)
const condition = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom({ type: 'none' }, { type: 'causal', context: { w: 1 } }) },
  fc.constantFrom({ type: 'none' }, { type: 'absent' }, { type: 'other' }, null, undefined),
  fc.record({ type: fc.constant('revision'), revision: oddNumber }),
  fc.record({ type: fc.constant('causal'), context: version }),
)
const guard = fc.record({
  scope: fc.constantFrom('s', '', 1),
  epoch: oddNumber,
  incarnation: fc.constantFrom('i', 'x'.repeat(129), 3),
})
const write = fc.record(
  { key: fc.constantFrom('k', '', 2), entry, condition, guard },
  { requiredKeys: ['key', 'entry', 'condition'] },
)

/** What the server would say of a unit that came alone. */
function isTaken(unit: unknown): boolean {
  const parsed = schema.safeParse(JSON.parse(JSON.stringify({ units: [unit] })))
  if (!parsed.success) return false
  try {
    for (const { entry: given } of parsed.data.units[0] ?? []) if (given !== null) checkEntry(given)
    return true
  } catch {
    return false
  }
}

describe('a unit on its way to a server', () => {
  it('is sent only if the server takes the call that it comes with', () => {
    let sent = 0
    fc.assert(
      fc.property(fc.array(write, { maxLength: 2 }), (given) => {
        const sized = sizedUnit(given as unknown as Unit, bytesMax)
        if ('type' in sized) return
        sent++
        expect(isTaken(given)).toBe(true)
      }),
      { numRuns: 2000 },
    )
    expect(sent).toBeGreaterThan(20)
  })

  it('is sent with any sound condition and guard', () => {
    const sound = { value: 1, version: { w: 1 }, timestamp: 1, workerId: 'w' }
    for (const given of [
      { type: 'none' },
      { type: 'absent' },
      { type: 'revision', revision: 3 },
      { type: 'causal', context: {} },
      { type: 'causal', context: { w: 4 } },
    ] as const) {
      const guarded = { scope: 's', epoch: 0, incarnation: 'i' }
      expect(sizedUnit([{ key: 'k', entry: sound, condition: given, guard: guarded }], bytesMax)).toHaveProperty('unit')
    }
  })

  it('is about as large as its text, where that matters', () => {
    const sized = sizedUnit(
      [
        {
          key: 'k',
          entry: { value: 'x'.repeat(100_000), version: {}, timestamp: 1, workerId: 'w' },
          condition: { type: 'none' },
        },
      ],
      bytesMax,
    )
    expect('bytes' in sized && sized.bytes).toBeLessThan(101_000)
  })
})

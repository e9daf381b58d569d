/** Values that are told without all of them, cut as the inspector and the processes cut them. */
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../src/domain/json.ts'
import { isCutSomewhere, textBeforeCut } from '../../../src/inspector/page/panes/cut-value.ts'
import { Redaction } from '../../../src/inspector/redaction.ts'
import { Cutter } from '../../../src/trace/cut.ts'
import { valueBytesMax } from '../../../src/wire/trace-record.ts'
import { entry } from './model/records.ts'

const numbers = Array.from({ length: 2000 }, (_, index) => index)
const asEntry = (value: Json) => new Redaction('ns', undefined, () => {}).cutEntry('key', entry(value)).value
const asWrite = (value: Json) => new Cutter().cut(value, valueBytesMax)

describe('a value that was cut', () => {
  it('is known as such, as a whole and in its members; a small one is not', () => {
    expect(asEntry({ pages: 3, numbers })).toMatchObject({ pages: 3 })
    for (const large of [numbers, { pages: 3, numbers }, 'x'.repeat(5000)]) expect(isCutSomewhere(asEntry(large))).toBe(true)
    for (const small of [null, 1, 'x', [1, 2], { pages: 3 }]) expect(isCutSomewhere(asEntry(small))).toBe(false)
  })

  it('begins alike however it was cut, and unlike another one', () => {
    const text = { by: 'a', pages: 3, text: 'say "no" '.repeat(1000), end: true }
    for (const value of [numbers, { pages: 3, numbers }, text, { text: 'x'.repeat(5000) }]) {
      const [one, other] = [textBeforeCut(asEntry(value)), textBeforeCut(asWrite(value))]
      expect(one.startsWith(other) || other.startsWith(one), one).toBe(true)
      expect(one.length).toBeGreaterThan(20)
    }
    expect(
      textBeforeCut(asEntry({ pages: 4, numbers })).startsWith(textBeforeCut(asWrite({ pages: 3, numbers })).slice(0, 10)),
    ).toBe(false)
  })
})

import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { parseJsonValue, readText, revisionOrNow, seconds, wholeNumber } from '../../src/cli/arguments.ts'

describe('arguments', () => {
  it('takes whole numbers within their range only', () => {
    const parse = wholeNumber(1, 100)
    expect(parse('1')).toBe(1)
    expect(parse('100')).toBe(100)
    for (const text of ['0', '101', '-1', '1.5', '1e1', '0x10', '', ' ', 'x', '99999999999999999999']) {
      expect(() => parse(text), text).toThrow(InvalidArgumentError)
    }
  })

  it('takes seconds above 0, fractions too', () => {
    expect(seconds('0.5')).toBe(0.5)
    for (const text of ['0', '-1', '', 'Infinity', 'NaN', '5s']) expect(() => seconds(text), text).toThrow(InvalidArgumentError)
  })

  it('takes a revision or now', () => {
    expect(revisionOrNow('now')).toBe('now')
    expect(revisionOrNow('0')).toBe(0)
    for (const text of ['then', '-1', '1.5']) expect(() => revisionOrNow(text), text).toThrow(/"now"/)
  })

  it('reads JSON values', () => {
    expect(parseJsonValue(' {"a":[1,null]} ')).toEqual({ a: [1, null] })
    expect(parseJsonValue('-5')).toBe(-5)
  })

  it('refuses what is not JSON and says how to store it as a string', () => {
    expect(() => parseJsonValue('hello')).toThrow(
      `"hello" is not JSON. To store it as a string, add --text or quote it twice: '"hello"'.`,
    )
    expect(() => parseJsonValue("{'a':1}")).toThrow(/is not JSON/)
    expect(() => parseJsonValue('')).toThrow(/Give a JSON value/)
  })

  it('stops reading where too much comes', async () => {
    async function* endless() {
      for (;;) yield 'x'.repeat(100)
    }
    await expect(readText(endless(), 1000, 'the value')).rejects.toMatchObject({ code: 'too_large' })
  })
})

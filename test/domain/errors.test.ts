import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemorySyncError, messageOf, quote } from '../../src/domain/errors.ts'

describe('errors', () => {
  it('carry a code, whether a retry can help, the key and the cause', () => {
    const cause = new Error('socket closed')
    const error = new MemorySyncError('store_unavailable', 'cannot read', { key: 'a/b', cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'MemorySyncError', code: 'store_unavailable', retryable: true, key: 'a/b', cause })
    expect(String(error)).toBe('MemorySyncError: cannot read')
  })

  it('say whether a retry can help by code, unless told', () => {
    expect(new MemorySyncError('invalid_key', '').retryable).toBe(false)
    expect(new MemorySyncError('claim_lost', '').retryable).toBe(true)
    expect(new MemorySyncError('claim_lost', '', { retryable: false }).retryable).toBe(false)
  })

  it('have no key and no cause when none was given', () => {
    const error = new MemorySyncError('closed', 'closed')
    expect('key' in error).toBe(false)
    expect('cause' in error).toBe(false)
  })

  it('funnel anything that was thrown, and pass our own unchanged', () => {
    const own = new MemorySyncError('aborted', 'stopped')
    expect(MemorySyncError.from(own, 'corrupt')).toBe(own)
    for (const thrown of [new Error('x'), 'x', null, undefined, 7, { a: 1 }, 1n, Symbol('s')]) {
      const error = MemorySyncError.from(thrown, 'corrupt')
      expect(error.code).toBe('corrupt')
      expect(error.message.length).toBeGreaterThan(0)
      if (thrown !== undefined) expect(error.cause).toBe(thrown)
    }
    expect(MemorySyncError.from(new Error('x'), 'corrupt', 'said better').message).toBe('said better')
    expect(messageOf(new RangeError())).toBe('RangeError')
  })
})

describe('quoted values', () => {
  it('are short, well-formed text for anything', () => {
    const hostile = [
      { toJSON: () => undefined },
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
      Object.create(null),
      () => 'x'.repeat(100),
      Symbol('s'),
      1n,
    ]
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom(...hostile)),
        (value) => {
          const text = quote(value)
          expect(text.length).toBeLessThanOrEqual(80)
          expect(text.isWellFormed()).toBe(true)
        },
      ),
    )
  })

  it('are JSON where possible, and show that they were cut', () => {
    expect(quote('a"b\n')).toBe('"a\\"b\\n"')
    expect(quote({ a: [1] })).toBe('{"a":[1]}')
    expect(quote(undefined)).toBe('undefined')
    expect(quote(5n)).toBe('5n')
    expect(quote('x'.repeat(1e6))).toBe(`"${'x'.repeat(76)}...`)
    expect(quote('x'.repeat(78))).toBe(`"${'x'.repeat(78)}"`)
    expect(quote('x'.repeat(79))).toBe(`"${'x'.repeat(76)}...`)
  })
})

import { describe, expect, test } from 'vitest'
import { Cutter, cutTextCharactersMax } from '../../src/trace/cut.ts'
import { isCut } from '../../src/wire/trace-record.ts'

class Account {
  readonly name = 'a'
  get secret(): string {
    throw new Error('no')
  }
}

const cyclic: Record<string, unknown> = { name: 'x' }
cyclic.self = cyclic

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('get')
    },
    ownKeys: () => {
      throw new Error('keys')
    },
    getPrototypeOf: () => {
      throw new Error('prototype')
    },
  },
)

describe('a value that may leave', () => {
  test('is the value itself when it is small and plain', () => {
    const value = { a: [1, 'two', null, true, { b: {} }], c: 'x'.repeat(1000) }
    expect(new Cutter().cut(value, 4096)).toBe(value)
  })

  test('is a plain copy when it is small and no JSON', () => {
    const value = {
      left: undefined,
      run: () => 1,
      big: 7n,
      nan: Number.NaN,
      at: new Date(0),
      fault: new TypeError('bad'),
      map: new Map([[1, 2]]),
      own: new Account(),
      list: [undefined, 1],
      actor: { toJSON: () => ({ id: 'task/1' }), system: cyclic },
    }
    const cut = new Cutter().cut(value, 4096)
    expect(cut).toEqual({
      run: '(function)',
      big: '(bigint) 7',
      nan: 'NaN',
      at: '1970-01-01T00:00:00.000Z',
      fault: 'TypeError: bad',
      map: '(Map of 1)',
      own: { name: 'a' },
      list: [null, 1],
      actor: { id: 'task/1' },
    })
    expect(JSON.parse(JSON.stringify(cut))).toEqual(cut)
  })

  test.each([
    ['a long text', 'x'.repeat(10_000)],
    ['a long list', Array.from({ length: 10_000 }, (_, index) => index)],
    ['many members', Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`m${index}`, 1]))],
    ['one long name', { ['n'.repeat(10_000)]: 1 }],
    ['what refers to itself', cyclic],
    ['depth', JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`)],
  ])('is cut when it is large: %s', (_, value) => {
    const cutter = new Cutter()
    const cut = cutter.cut(value, 1000)
    const text = JSON.stringify(cut)
    expect(text.length).toBeLessThan(1500)
    if (isCut(cut)) {
      expect(cut.text.length).toBeGreaterThan(0)
      expect(cut.text.length).toBeLessThanOrEqual(cutTextCharactersMax)
    }
    expect(cutter.bytes).toBeLessThan(1500)
  })

  test('is cut where its text begins', () => {
    const cut = new Cutter().cut({ first: 'x'.repeat(100), second: 'y'.repeat(5000) }, 1000)
    expect(cut).toMatchObject({ $cut: 0, text: expect.stringMatching(/^\{"first":"x{100}","second":"y+/) })
  })

  test('is never thrown at anybody', () => {
    expect(new Cutter().cut(hostile, 100)).toEqual({ $cut: 0, text: '(cannot be read)' })
    expect(new Cutter().cutEvent({ type: 'a', x: hostile } as { type: string }, 100)).toMatchObject({ type: 'a' })
    expect(new Cutter().cutEvent(Object.setPrototypeOf({ type: 'a' }, hostile), 100)).toMatchObject({ type: 'a' })
  })

  test('is not looked at further than there is room for', () => {
    let looks = 0
    const item = { toJSON: () => `item ${++looks}` }
    new Cutter().cut(Array(100_000).fill(item), 1000)
    expect(looks).toBeLessThan(200)
    looks = 0
    new Cutter().cut(Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`m${index}`, item])), 1000)
    expect(looks).toBeLessThan(200)
  })

  test('counts what it let pass, about as JSON text', () => {
    const value = { id: 'abc', list: [1, 2, 3], text: 'é'.repeat(200), inner: { flag: true, none: null } }
    const cutter = new Cutter()
    cutter.cut(value, 4096)
    const bytes = Buffer.byteLength(JSON.stringify(value))
    expect(Math.abs(cutter.bytes - bytes)).toBeLessThan(bytes * 0.2)
  })

  test('of an event keeps the type and what is small beside a large member', () => {
    const cut = new Cutter().cutEvent(
      { type: 'feed.changed', place: 7, changes: 'x'.repeat(9000), behind: 1 } as { type: string },
      4096,
    )
    expect(cut).toMatchObject({ type: 'feed.changed', place: 7, changes: { $cut: 0 }, behind: 1 })
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`m${index}`, index]))
    expect(JSON.stringify(new Cutter().cutEvent({ type: 'x', ...many }, 1000)).length).toBeLessThan(1500)
  })
})

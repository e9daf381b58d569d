import { describe, expect, it } from 'vitest'
import { count, cut, formatDuration, formatTable, jsonText, printable } from '../../src/cli/table.ts'

const columns = [{ title: 'ID' }, { title: 'N', align: 'right' }, { title: 'NOTE' }] as const

describe('a table', () => {
  it('aligns its columns and ends no line with spaces', () => {
    const rows = [
      ['a', '1', 'short'],
      ['longer', '100', ''],
    ]
    expect(formatTable(columns, rows)).toEqual(['ID        N  NOTE', 'a         1  short', 'longer  100'])
  })

  it('cuts lines that the terminal would wrap', () => {
    expect(formatTable(columns, [['a', '1', 'x'.repeat(50)]], 12)).toEqual(['ID  N  NOTE', 'a   1  xxxx…'])
  })

  it('lets no stored text steer the terminal or break a line', () => {
    const [, row] = formatTable(columns, [['\u001b[31mred', 'a\nb', '\u009b2J\u2028']])
    expect(row).toBe('\\u001b[31mred  a\\nb  \\u009b2J\\u2028')
  })
})

describe('text for terminals', () => {
  it('keeps everything that can be seen', () => {
    expect(printable('größer → 中文 🙂')).toBe('größer → 中文 🙂')
  })

  it('cuts between characters, not inside one', () => {
    expect(cut('🙂🙂🙂', 2)).toBe('🙂…')
    expect(cut('abc', 3)).toBe('abc')
  })

  it('writes JSON that reads back the same and holds no control characters', () => {
    const value = { a: '\u009b\u2028\n', b: [1, null] }
    for (const indent of [undefined, 2]) {
      const text = jsonText(value, indent)
      expect(JSON.parse(text)).toEqual(value)
      expect(text).not.toMatch(/[\u007f-\u009f\u2028\u2029]/)
    }
  })

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1999, '1.9 s'],
    [12_000, '12 s'],
    [180_000, '3 min'],
    [7_200_000, '2 h'],
    [1_000_000_000, '11 d'],
    [-5, '0 ms'],
  ])('tells %d ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

  it('counts in English', () => {
    expect(count(1, 'task')).toBe('1 task')
    expect(count(0, 'task')).toBe('0 tasks')
  })
})

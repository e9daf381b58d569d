/** What is plotted: bands of the breaker, round axes, the value at a moment. */
import { describe, expect, it } from 'vitest'
import { emptySession } from '../../../src/inspector/page/model/fold.ts'
import { metricsColumns } from '../../../src/inspector/page/model/selectors.ts'
import { axisMax, breakerBands, indexAt, numberText, plotSpecs } from '../../../src/inspector/page/panes/plot-specs.ts'

describe('the plots', () => {
  it('draw only columns that there are, each in a colour of the page', () => {
    const columns = metricsColumns(emptySession(), null)
    for (const { series } of plotSpecs) {
      for (const { column, color } of series) {
        expect(columns[column], column).toEqual([])
        expect(color).toMatch(/^--series-[1-6]$/)
      }
    }
    expect(new Set(plotSpecs.map(({ title }) => title)).size).toBe(plotSpecs.length)
  })
})

describe('bands of the breaker', () => {
  it('join moments of one level and end at the next one that is known', () => {
    const bands = breakerBands({ atS: [1, 2, 3, 4, 5, 6], breaker: [0, 2, 2, 1, 0, 2] })
    expect(bands).toEqual([
      { fromS: 2, toS: 4, level: 'open' },
      { fromS: 4, toS: 5, level: 'half-open' },
      { fromS: 6, toS: 6, level: 'open' },
    ])
  })

  it('are none where nothing is known', () => {
    expect(breakerBands({ atS: [1, 2], breaker: [null, 0] })).toEqual([])
  })

  it('do not join across a hole', () => {
    expect(breakerBands({ atS: [1, 2, 3], breaker: [2, null, 2] })).toHaveLength(2)
  })
})

describe('an axis', () => {
  it.each([
    [null, 1],
    [0, 1],
    [1, 1],
    [1.2, 2],
    [79, 80],
    [81, 100],
    [0.03, 0.03],
    [1001, 2000],
  ])('for %s ends at %s', (max, end) => {
    expect(axisMax(max)).toBeCloseTo(end, 10)
  })

  it('ends at round numbers of its unit', () => {
    expect(axisMax(90 * 1024 * 1024, 1024 * 1024)).toBe(100 * 1024 * 1024)
    expect(axisMax(null, 1024 * 1024)).toBe(1024 * 1024)
  })

  it('is never lower than the data', () => {
    for (let max = 0.001; max < 1e9; max *= 1.37) expect(axisMax(max)).toBeGreaterThanOrEqual(max)
  })
})

describe('the value at a moment', () => {
  it('is that of the newest moment that is not later', () => {
    expect(indexAt([10, 20, 30], 25)).toBe(1)
    expect(indexAt([10, 20, 30], 20)).toBe(1)
    expect(indexAt([10, 20, 30], 99)).toBe(2)
    expect(indexAt([10, 20, 30], 9)).toBe(-1)
    expect(indexAt([10, 20, 30], null)).toBe(2)
    expect(indexAt([], null)).toBe(-1)
  })

  it.each([
    [0, '0'],
    [1.5, '1.5'],
    [0.123, '0.12'],
    [12.34, '12.3'],
    [1234.5, '1 235'],
    [123_456, '123 k'],
  ])('%s is written %s', (value, text) => {
    expect(numberText(value).replaceAll(/\s/g, ' ')).toBe(text)
  })
})

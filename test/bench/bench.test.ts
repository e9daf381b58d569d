import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { programOf } from '../program.ts'
import { figureByName } from './figures.ts'
import { optionsOf, UsageError } from './options.ts'
import { median, percentile } from './rounds.ts'

const top = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** `npm run bench`, which builds what it measures. */
function bench(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const flags = ['--conditions=memory-sync:source', '--import', 'tsx', 'test/bench/run.ts']
  return run(process.execPath, [...flags, ...args], { cwd: top })
}

/** Measures what was built for all tests. */
function benchBuilt(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { flags, file } = programOf(new URL('./run.ts', import.meta.url))
  return run(process.execPath, [...flags, file, ...args], { cwd: top })
}

interface MeasuredRow {
  readonly label: string
  readonly samples: readonly number[]
  readonly isMet?: boolean
}

interface Measured {
  readonly machine: { readonly node: string; readonly cpus: number }
  readonly figures: readonly { readonly name: string; readonly rows: readonly MeasuredRow[] }[]
  readonly failed: readonly string[]
}

describe('the benchmarks', () => {
  // What the figures are is nobody's promise here: the machine may be doing anything.
  it('measure every figure, with a verdict where there is a bar', { timeout: 180_000 }, async () => {
    const { stdout } = await benchBuilt('--quick', '--json')
    const { machine, figures, failed } = JSON.parse(stdout) as Measured
    expect(failed).toEqual([])
    expect(machine).toMatchObject({ node: process.version, cpus: expect.any(Number) })
    expect(figures.map(({ name }) => name)).toEqual([...figureByName.keys()])
    for (const { name, rows } of figures) {
      expect(rows.length, name).toBeGreaterThan(1)
      for (const { label, samples } of rows) expect(samples.every(Number.isFinite), `${name}: ${label}`).toBe(true)
    }
    const verdicts = figures.filter(({ rows }) => rows.some(({ isMet }) => isMet !== undefined)).map(({ name }) => name)
    expect(verdicts).toEqual([
      ...['store-writes', 'tasks-memory', 'tasks-file', 'watched', 'cache', 'dispatch', 'two-processes', 'heap', 'locks'],
      ...['mcp-stdio', 'mcp-http', 'queued'],
    ])
  })

  it('print a table with the machine and both sides of a figure', { timeout: 60_000 }, async () => {
    const { stdout } = await bench('--quick', '--only', 'tasks-memory')
    expect(stdout).toMatch(/^node v\d+\.\d+\.\d+, /)
    expect(stdout).toMatch(/^XState alone +\d+\/s/m)
    expect(stdout).toMatch(/^memory: \/ XState alone .*(met|MISSED)$/m)
  })

  it('explain themselves and refuse what they do not know', async () => {
    const { stdout } = await bench('--help')
    for (const name of figureByName.keys()) expect(stdout).toContain(name)
    await expect(bench('--onyl', 'tasks-memory')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('--onyl') })
  })

  it.each([
    [['--only', 'nothing'], 'there is no figure "nothing"'],
    [['--rounds', '0'], '--rounds must be an integer from 1 to 1000, got "0"'],
    [['--rounds', 'many'], 'got "many"'],
    [['--tasks', '1.5'], 'got "1.5"'],
    [['stray'], 'stray'],
  ])('refuse %j', (args, message) => {
    expect(() => optionsOf(args)).toThrow(UsageError)
    expect(() => optionsOf(args)).toThrow(message)
  })

  it('take medians and nearest-rank percentiles', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect([percentile(hundred, 50), percentile(hundred, 99), percentile([7], 99)]).toEqual([50, 99, 7])
  })
})

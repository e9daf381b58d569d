/** The command line of the benchmarks. Owns what is accepted and what is said about the rest. */
import { parseArgs } from 'node:util'
import { type Sizes, sizesDefault, sizesQuick } from './figure.ts'
import { figureByName } from './figures.ts'

export interface BenchOptions {
  readonly figures: readonly string[]
  readonly sizes: Sizes
  readonly isJson: boolean
  /** Where CPU profiles go. */
  readonly profileDirectory: string | null
}

export class UsageError extends Error {}

const roundsMax = 1000
const secondsMax = 3600

export function help(): string {
  const names = [...figureByName].map(([name, { title }]) => `  ${name.padEnd(16)} ${title}`)
  return `npm run bench -- [options]

Measures, and prints every figure beside a bare baseline of the same run. Nothing is asserted: the exit code is 0 unless a
figure could not be measured.

  --only <name>     this figure; may be given several times
  --rounds <n>      rounds that count, 1 to ${roundsMax}; default ${sizesDefault.rounds}
  --warmups <n>     rounds before them, 0 to ${roundsMax}; default ${sizesDefault.warmups}
  --tasks <n>       tasks per round of the figures "tasks-..."; default ${sizesDefault.tasks}
  --seconds <n>     seconds of arrivals and of idling; default ${sizesDefault.latencySeconds}
  --quick           tiny sizes, one round: shows that all comes out; the values mean nothing
  --profile <dir>   a CPU profile of every process, into this directory
  --json            all samples as JSON on stdout
  --help            this

Figures:
${names.join('\n')}
`
}

/** null: help was asked for. @throws `UsageError` naming what cannot be taken. */
export function optionsOf(args: readonly string[]): BenchOptions | null {
  const { values } = parse(args)
  if (values.help === true) return null
  const figures = values.only ?? [...figureByName.keys()]
  for (const name of figures) {
    if (!figureByName.has(name)) {
      throw new UsageError(`there is no figure ${JSON.stringify(name)}; there are ${[...figureByName.keys()].join(', ')}`)
    }
  }
  let sizes = values.quick === true ? sizesQuick : sizesDefault
  if (values.rounds !== undefined) sizes = { ...sizes, rounds: numberOf('rounds', values.rounds, 1, roundsMax) }
  if (values.warmups !== undefined) sizes = { ...sizes, warmups: numberOf('warmups', values.warmups, 0, roundsMax) }
  if (values.tasks !== undefined) sizes = { ...sizes, tasks: numberOf('tasks', values.tasks, 1, 10_000_000) }
  if (values.seconds !== undefined) {
    const seconds = numberOf('seconds', values.seconds, 1, secondsMax)
    sizes = { ...sizes, latencySeconds: seconds, idleSeconds: seconds }
  }
  return { figures, sizes, isJson: values.json === true, profileDirectory: values.profile ?? null }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        warmups: { type: 'string' },
        tasks: { type: 'string' },
        seconds: { type: 'string' },
        profile: { type: 'string' },
        quick: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function numberOf(flag: string, given: string, least: number, most: number): number {
  const number = Number(given)
  if (Number.isInteger(number) && number >= least && number <= most && given.trim() !== '') return number
  throw new UsageError(`--${flag} must be an integer from ${least} to ${most}, got ${JSON.stringify(given)}`)
}

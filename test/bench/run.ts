/**
 * `npm run bench`. Builds the sources, runs each figure in a process of its own, prints figures on stdout and progress on
 * stderr. Exits with 0 whatever the values are, 1 when a figure could not be measured, 2 for flags that it does not know.
 */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { build, builtPath } from '../build.ts'
import type { Figure } from './figure.ts'
import { figureByName } from './figures.ts'
import { type BenchOptions, help, optionsOf, UsageError } from './options.ts'
import { watchOthers } from './others.ts'
import { scriptPath, startPeer } from './peer.ts'
import { jsonOf, machineLine, machineNow, tableOf } from './table.ts'

/** Above this, what is measured is the scheduler. */
const busyPercent = 10

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | null
  try {
    options = optionsOf(args)
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown
    process.stderr.write(`${thrown.message}\nSee npm run bench -- --help\n`)
    return 2
  }
  if (options === null) {
    process.stdout.write(help())
    return 0
  }
  return measure(options)
}

async function measure(options: BenchOptions): Promise<number> {
  const machine = machineNow()
  const measured: object[] = []
  const failed: string[] = []
  if (!options.isJson) process.stdout.write(`${machineLine(machine)}\n\n`)
  const { script, remove } = await figureProcess()
  try {
    for (const name of options.figures) {
      const title = figureByName.get(name)?.title ?? name
      const startMs = performance.now()
      const others = watchOthers()
      process.stderr.write(`${name} ...`)
      try {
        const figure = await figureOf(name, script, options)
        process.stderr.write(` ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`)
        const othersPercent = others()
        if (options.isJson) measured.push({ ...jsonOf(name, title, figure), othersPercent })
        else process.stdout.write(`${tableOf(title, figure)}\n${othersLine(othersPercent)}\n`)
      } catch (thrown) {
        failed.push(name)
        process.stderr.write(` could not be measured: ${thrown instanceof Error ? thrown.message : thrown}\n`)
      }
    }
  } finally {
    remove()
  }
  if (options.isJson)
    process.stdout.write(`${JSON.stringify({ machine, sizes: options.sizes, figures: measured, failed }, null, 2)}\n`)
  return failed.length === 0 ? 0 : 1
}

/**
 * Built, whatever runs this: the loader that runs sources directly names every function at run time, which costs a few percent.
 */
async function figureProcess(): Promise<{ readonly script: string; remove(): void }> {
  const own = scriptPath('figure-process')
  if (own.endsWith('.js')) return { script: own, remove() {} }
  const { directory, remove } = await build()
  return { script: builtPath(directory, 'test/bench/figure-process.ts'), remove }
}

function othersLine(percent: number | null): string {
  if (percent === null) return ''
  const warning = percent < busyPercent ? '' : ': too much for these figures to mean anything'
  return `  * Meanwhile other processes used ${percent.toFixed(0)} % of the processors${warning}.\n`
}

async function figureOf(name: string, script: string, { sizes, profileDirectory }: BenchOptions): Promise<Figure> {
  const execArgv = ['--expose-gc']
  if (profileDirectory !== null) {
    const directory = resolve(profileDirectory, name)
    mkdirSync(directory, { recursive: true })
    execArgv.push('--cpu-prof', '--cpu-prof-dir', directory)
  }
  const peer = startPeer(script, execArgv)
  try {
    return await peer.ask<Figure>('run', { name, sizes })
  } finally {
    await peer.end()
  }
}

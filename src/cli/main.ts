#!/usr/bin/env node
/** The bin `memory-sync`: wires streams, signals and commands, and ends the process with the command's exit code. */
import { CommanderError } from 'commander'
import { systemClock } from '../platform.ts'
import { exitCodes, toldError } from './exit-codes.ts'
import { Interrupts } from './interrupts.ts'
import { Output } from './output.ts'
import { createProgram } from './program.ts'
import type { Cli } from './session.ts'

const interrupts = new Interrupts(systemClock)
const output = new Output(process.stdout, process.stderr, () => interrupts.stop())
const cli: Cli = { output, interrupts, exitCode: exitCodes.ok }
interrupts.install()

async function run(): Promise<number> {
  try {
    await createProgram(cli).parseAsync()
    return cli.exitCode
  } catch (thrown) {
    // Commander has said what is wrong, or shown the help that was asked for.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    const { code, exitCode } = toldError(thrown)
    // Cut short because nobody reads any more: no fault.
    if (code === 'interrupted' && !interrupts.wasSignalled) return cli.exitCode
    output.error(thrown)
    return exitCode
  }
}

let exitCode = await run()
await output.flush()
if (output.writeError !== null) {
  output.error(output.writeError)
  exitCode = exitCodes.failed
}
// Handlers' modules may leave timers and connections behind that would keep the process alive.
process.exit(exitCode)

/**
 * What else the machine does while a figure is measured. A figure of a busy machine says little, and a reader cannot see it
 * from the figure. Linux only: elsewhere nothing is said.
 */
import { readFileSync } from 'node:fs'

/** Processor time in ticks: of all processes, that could have been used, and of this process and its ended children. */
interface Ticks {
  readonly busy: number
  readonly possible: number
  readonly own: number
}

/** Returns a question: the percent of all processors that others have used since. null where that is not known. */
export function watchOthers(): () => number | null {
  const before = ticksNow()
  return () => {
    const after = ticksNow()
    if (before === null || after === null || after.possible === before.possible) return null
    const others = after.busy - before.busy - (after.own - before.own)
    return Math.max(0, (100 * others) / (after.possible - before.possible))
  }
}

function ticksNow(): Ticks | null {
  try {
    const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, softInterrupts = 0] = numbersOf(
      readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.replace('cpu', '') ?? '',
    )
    const process = readFileSync('/proc/self/stat', 'utf8')
    // The name in parentheses may hold anything. Behind it: utime, stime, cutime and cstime are the 12th to 15th.
    const own = numbersOf(process.slice(process.lastIndexOf(')') + 3)).slice(11, 15)
    const busy = user + nice + system + interrupts + softInterrupts
    return { busy, possible: busy + idle + waiting, own: own.reduce((sum, ticks) => sum + ticks, 0) }
  } catch {
    return null
  }
}

function numbersOf(text: string): number[] {
  return text.trim().split(/\s+/).map(Number)
}

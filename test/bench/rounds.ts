/**
 * How samples are taken: baseline and ours by turns, after warm-up rounds, with the garbage of one collected before the other
 * runs. Owns order statistics and the ways to keep a load up. Knows nothing of what is measured.
 */
import type { Sizes } from './figure.ts'

export interface Turns<T> {
  readonly baseline: T[]
  readonly ours: T[]
}

/** The two sides by turns; who begins changes every round, so that a drift of the machine favours neither. */
export async function alternate<T>(
  { rounds, warmups }: Pick<Sizes, 'rounds' | 'warmups'>,
  sides: { baseline(round: number): Promise<T>; ours(round: number): Promise<T> },
): Promise<Turns<T>> {
  const turns: Turns<T> = { baseline: [], ours: [] }
  for (let round = 0; round < warmups + rounds; round++) {
    const order = round % 2 === 0 ? (['baseline', 'ours'] as const) : (['ours', 'baseline'] as const)
    for (const side of order) {
      collectGarbage()
      const sample = await sides[side](round)
      if (round >= warmups) turns[side].push(sample)
    }
  }
  return turns
}

/** Calls `work` for 0 to `total` - 1 with `lanes` calls on their way at once. Returns how many ended per second. */
export async function inLanes(lanes: number, total: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < total) await work(next++)
  }
  const startMs = performance.now()
  await Promise.all(Array.from({ length: Math.min(lanes, total) }, lane))
  return total / ((performance.now() - startMs) / 1000)
}

export interface Arrivals {
  /** Milliseconds from each call to its end. */
  readonly latencies: number[]
  /** Milliseconds by which each call came too late: the process was busy, or its timers are coarse. */
  readonly lateness: number[]
}

/** Calls `work` at a fixed rate, whether or not earlier calls have ended. */
export async function atRate(perSecond: number, total: number, work: (index: number) => Promise<unknown>): Promise<Arrivals> {
  const latencies: number[] = []
  const lateness: number[] = []
  const running: Promise<void>[] = []
  const startMs = performance.now()
  for (let index = 0; index < total; index++) {
    const dueMs = startMs + (index * 1000) / perSecond
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    const calledMs = performance.now()
    lateness.push(calledMs - dueMs)
    running.push(work(index).then(() => void latencies.push(performance.now() - calledMs)))
  }
  await Promise.all(running)
  return { latencies, lateness }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Settles when this process has used less than a twentieth of a core for a while: scans and flushes are over. */
export async function quiet(windowMs = 250, windowsMax = 240): Promise<void> {
  let calm = 0
  for (let window = 0; window < windowsMax && calm < 2; window++) {
    const before = process.cpuUsage()
    await sleep(windowMs)
    const { user, system } = process.cpuUsage(before)
    calm = (user + system) / 1000 < windowMs / 20 ? calm + 1 : 0
  }
}

/** Does nothing without `--expose-gc`. */
export function collectGarbage(): void {
  globalThis.gc?.()
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The nearest-rank percentile. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}

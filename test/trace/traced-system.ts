/** A supervisor with any actors, traced as a runtime is: for tests that need neither a store nor a runtime. */
import type { MemorySyncError } from '../../src/domain/errors.ts'
import { Supervisor } from '../../src/runtime/supervisor.ts'
import { createSeededRandom } from '../../src/testing/seeded-random.ts'
import { createVirtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts'
import { CommitTimes } from '../../src/trace/commit-times.ts'
import type { RingLimits } from '../../src/trace/ring.ts'
import { RuntimeTrace } from '../../src/trace/runtime-trace.ts'
import type { Redact, TraceWatch, TraceWatchOptions } from '../../src/trace/trace-source.ts'
import type { TraceRecord, TraceRecordType, TransitionRecord } from '../../src/wire/trace-record.ts'

export interface TracedSystem {
  readonly clock: VirtualClock
  readonly supervisor: Supervisor
  readonly trace: RuntimeTrace
  readonly problems: MemorySyncError[]
  /** Watches, and gives all that was told since it was asked last. */
  watch(options?: TraceWatchOptions): Watching
}

export interface Watching {
  readonly watch: TraceWatch
  /** How often it was woken. */
  readonly wakes: number
  read(): TraceRecord[]
  /** Those of one type. */
  readOf<T extends TraceRecordType>(type: T): Extract<TraceRecord, { type: T }>[]
}

export interface TracedSystemOptions {
  readonly limits?: RingLimits
  readonly redact?: Redact
  readonly incarnation?: string
}

export function tracedSystem({ incarnation = 'life', ...options }: TracedSystemOptions = {}): TracedSystem {
  const clock = createVirtualClock()
  const problems: MemorySyncError[] = []
  const report = (error: MemorySyncError): void => {
    problems.push(error)
  }
  const supervisor = new Supervisor({ clock, restart: { intensity: 5, periodMs: 60_000 }, report, escalate: () => {} })
  const listeners = new Set<(problem: MemorySyncError) => void>()
  const trace = new RuntimeTrace({
    about: { workerId: 'w', incarnation, namespace: 'ns', store: 'memory:' },
    clock,
    random: createSeededRandom(1),
    commitTimes: new CommitTimes(clock),
    inspect: (observe) => supervisor.inspect(observe),
    actors: () => supervisor.actors(),
    restartsOf: (address) => supervisor.restartsOf(address),
    onDeadLetter: (listener) => supervisor.onDeadLetter(({ address, event }) => listener(address, event)),
    onProblem(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    counters: () => ({
      ...{ actors: supervisor.size, pendingWrites: 0, cacheHits: 0, cacheMisses: 0, conflicts: 0 },
      ...{ problems: problems.length, deadLetters: 0, breaker: 'unknown', ready: 0, running: 0 },
    }),
    send: async () => {},
    report,
    ...options,
  })
  return {
    clock,
    supervisor,
    trace,
    problems,
    watch: (watchOptions) => watching(trace, watchOptions),
  }
}

export function watching(trace: Pick<RuntimeTrace, 'watch'>, options?: TraceWatchOptions): Watching {
  let wakes = 0
  const watch = trace.watch(() => wakes++, options)
  const read = (): TraceRecord[] => {
    const all: TraceRecord[] = []
    for (let more = watch.read(); more.length > 0; more = watch.read()) all.push(...more)
    return all
  }
  return {
    watch,
    get wakes() {
      return wakes
    },
    read,
    readOf: <T extends TraceRecordType>(type: T) =>
      read().filter((record): record is Extract<TraceRecord, { type: T }> => record.type === type),
  }
}

/** A transition in one line: who took what from whom, and what came of it. */
export function lineOf({ sender, address, event, from, to }: TransitionRecord): string {
  return `${sender ?? ''}>${address} ${event.type}: ${JSON.stringify(from)}>${JSON.stringify(to)}`
}

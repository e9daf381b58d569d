/**
 * One period of watching: the own process, the others on this memory, and the memory itself, merged into one recording. Knows no
 * request and no page.
 *
 * - W1 it never ends by itself: others and the memory that cannot be heard are told as a gap and tried again; that the own process
 *   cannot be is only logged
 */
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { PostEvent } from '../ports/post.ts'
import type { MemoryChange } from '../runtime/memory.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { traceClient } from '../trace/trace-client.ts'
import { MemorySource } from './memory-source.ts'
import type { CheckedInspectorOptions } from './options.ts'
import { OtherProcesses } from './other-processes.ts'
import { OwnSource } from './own-source.ts'
import { Recorder } from './recorder.ts'
import type { Redaction } from './redaction.ts'
import { WatchRequest } from './watch-request.ts'

const epochCharacters = 8

export class Watching {
  readonly recorder: Recorder
  readonly #runtime: Runtime
  readonly #options: CheckedInspectorOptions
  readonly #own: OwnSource
  readonly #memory: MemorySource
  readonly #others: OtherProcesses | null
  readonly #request: WatchRequest | null

  constructor(runtime: Runtime, options: CheckedInspectorOptions, redaction: Redaction) {
    const { clock, random, nowMs } = runtime.inside
    const { namespace, workerId, incarnation, memory } = runtime
    const { logger, redact, sample, others, allowActions } = options
    const report = (message: string): void => logger.warn(`inspector: ${message}`)
    const recorder = new Recorder(random.token(epochCharacters), options)
    const append = recorder.append.bind(recorder)
    this.recorder = recorder
    this.#runtime = runtime
    this.#options = options
    this.#own = new OwnSource({
      clock,
      append,
      report,
      trace: runtime.inside.trace,
      options: redact === undefined ? { sample } : { sample, redact },
    })
    this.#memory = new MemorySource({
      clock,
      append,
      report,
      about: { source: `memory-${recorder.epoch}`, workerId, incarnation, namespace, store: runtime.storeUrl },
      watch: (signal) => memory.watch('**', { signal }),
      told: ({ key, entry }) => redaction.cutEntry(key, entry),
      seen: (change) => this.#seen(change),
    })
    if (!others) {
      this.#others = null
      this.#request = null
      return
    }
    const newClient = () =>
      traceClient({ clock, random, records: (records) => append(records.map((record) => redaction.record(record))) })
    this.#others = new OtherProcesses({ clock, namespace, incarnation, nowMs, newClient, report })
    this.#request = new WatchRequest({
      clock,
      memory,
      namespace,
      nowMs,
      report,
      request: { watcher: `${workerId} (${incarnation})`, allowsActions: allowActions },
    })
  }

  /** Settles when what there is now has been told, as far as it can be. */
  async start(): Promise<void> {
    const { logger } = this.#options
    const own = this.#own
      .start()
      .catch((thrown: unknown) => logger.warn(`inspector: the own process is not told: ${messageOf(thrown)}`))
    // The request first: others take a moment to hear of it.
    await Promise.all([own, this.#request?.start(), this.#memory.start()])
  }

  /** Settles when the request is taken back, or cannot be. */
  async stop(): Promise<void> {
    this.#own.stop()
    this.#memory.stop()
    this.#others?.stop()
    await this.#request?.stop()
  }

  /** To an actor of the process that `source` names. @throws as `TraceSource.send`; `not_supported` when nobody hears that source */
  async send(source: string, address: string, event: PostEvent): Promise<void> {
    const { trace } = this.#runtime.inside
    if (source === trace.source) return trace.send(address, event)
    const client = this.#others?.clientOf(source) ?? null
    if (client === null) {
      throw new MemorySyncError(
        'not_supported',
        `the process ${quote(source)} cannot be reached: it has ended, or serves no inspector`,
      )
    }
    return client.send(address, event)
  }

  #seen(change: MemoryChange): void {
    this.#others?.changed(change)
    this.#request?.changed(change)
  }
}

/**
 * A job with something of everything that the inspector shows: two worker processes on one file store and an office that submits and
 * inspects. For tests and pictures. Waits for facts of the memory, never for time.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ConflictResolvers } from '../../../src/domain/resolvers.ts'
import { createRuntime } from '../../../src/index.ts'
import { checkInspectorOptions, type InspectorOptions } from '../../../src/inspector/options.ts'
import { loadPage } from '../../../src/inspector/page-assets.ts'
import { RuntimeInspector } from '../../../src/inspector/serve-inspector.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import { type Child, startChild } from '../../process/children.ts'

export interface PrinterArgument {
  readonly store: string
  readonly namespace: string
  readonly workerId: string
  readonly leaseMs: number
  /** Whether people can do tasks there. */
  readonly hasDesk: boolean
}

export type PrinterOrder =
  /** `deafUntil`: a file; until it is there that process hears of nothing. `<file>.deaf` says that it has begun. */
  | { readonly do: 'set'; readonly key: string; readonly value: unknown; readonly deafUntil?: string }
  | { readonly do: 'get'; readonly key: string }
  | { readonly do: 'lock'; readonly name: string; readonly waitMs: number }
  | { readonly do: 'unlock'; readonly name: string }
  | { readonly do: 'complete'; readonly task: string; readonly output: unknown }
  | { readonly do: 'end' }

export const namespace = 'print-shop'
/** Short, so that a takeover is soon; long enough for a busy machine. */
const leaseMs = 2000

export interface Printer {
  readonly child: Child
  readonly incarnation: string
  /** Settles when it is done. Rejects with what went wrong there. */
  order(order: PrinterOrder): Promise<void>
  kill(): Promise<void>
}

export class PrintShop {
  readonly office: Runtime
  readonly #directory: string
  readonly #printers: Printer[] = []
  /** All that were started, the newest last. */
  readonly #inspectors: RuntimeInspector[] = []

  constructor(directory: string) {
    this.#directory = directory
    this.office = createRuntime({
      store: `file:${this.#directory}`,
      namespace,
      workerId: 'office',
      logger: silentLogger,
      conflictResolver: ConflictResolvers.mergeObjects,
    })
  }

  async inspect(options: InspectorOptions = {}): Promise<RuntimeInspector> {
    await this.office.ready()
    const checked = checkInspectorOptions({ port: 0, recordAlways: true, allowActions: true, ...options })
    const inspector = new RuntimeInspector(this.office, checked, await loadPage())
    await inspector.start()
    this.#inspectors.push(inspector)
    return inspector
  }

  /** Settles when the process is ready and, if there is an inspector, heard by it. */
  async start(workerId: string): Promise<Printer> {
    const hasDesk = workerId === 'press-b'
    const argument: PrinterArgument = { store: `file:${this.#directory}`, namespace, workerId, leaseMs, hasDesk }
    const child = startChild('../../inspector/browser/fixtures/printer.ts', argument)
    const { ready } = (await child.hears((message) => has(message, 'ready'))) as { ready: string }
    let orders = 0
    const printer: Printer = {
      child,
      incarnation: ready,
      async order(order) {
        const number = ++orders
        child.process.send({ number, order })
        const { fault } = (await child.hears((message) => has(message, 'number', number))) as { fault: string | null }
        if (fault !== null) throw new Error(`${workerId}: ${fault}`)
      },
      async kill() {
        child.process.kill('SIGKILL')
        await child.ended
      },
    }
    this.#printers.push(printer)
    await this.#hearsOf(ready)
    return printer
  }

  /** Settles when the inspector is told what happens in that process: what happens before is only seen in memory. */
  #hearsOf(incarnation: string): Promise<void> {
    const recorder = this.#inspectors.at(-1)?.session.recorder
    if (recorder === undefined || recorder === null) return Promise.resolve()
    const isHeard = (): boolean => recorder.now().some((record) => record.type === 'source' && record.source === incarnation)
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(factMsMax)
      signal.addEventListener('abort', () => reject(new Error(`the inspector does not hear of ${incarnation}`)))
      const look = (): void => {
        if (!isHeard()) return
        stop()
        resolve()
      }
      const stop = recorder.onAppend(look)
      look()
    })
  }

  /** Settles when the task's record passes. */
  async task(id: string, passes: (record: TaskFacts) => boolean): Promise<void> {
    const key = `${namespace}/tasks/${id}/record`
    const signal = AbortSignal.timeout(factMsMax)
    let newest: unknown = null
    for await (const event of this.office.memory.watch(key, { signal })) {
      if (event.type !== 'set') continue
      newest = event.value
      if (passes(event.value as unknown as TaskFacts)) return
    }
    const stored = await this.office.memory.get(key)
    throw new Error(`${id} is not as it was to be; heard last: ${JSON.stringify(newest)}, stored: ${JSON.stringify(stored)}`)
  }

  /** Two writers that had not seen each other: each adds what it knows, and nothing is lost. */
  async conflict(a: Printer, b: Printer): Promise<void> {
    const key = `${namespace}/stock/paper`
    await this.office.memory.set(key, { A4: 500, A3: 100 })
    await Promise.all([a, b].map((printer) => printer.order({ do: 'get', key })))
    const deafUntil = join(this.#directory, '..', `heard-${b.incarnation}`)
    const written = b.order({ do: 'set', key, value: { A4: 500, A3: 100, takenByB: 25 }, deafUntil })
    while (!existsSync(`${deafUntil}.deaf`)) await setImmediate()
    await a.order({ do: 'set', key, value: { A4: 500, A3: 100, takenByA: 40 } })
    writeFileSync(deafUntil, '')
    await written
    // Once more on top: the history goes on behind it.
    await this.office.memory.update(key, (value) => ({ ...(value as object), A5: 60 }))
  }

  /** Something in every pane: until `cover` is in the hands of a, which can be killed then. */
  async open(): Promise<{ readonly a: Printer; readonly b: Printer }> {
    const { office } = this
    const a = await this.start('press-a')
    await office.submit({ id: 'cover', type: 'render', input: { sheets: 2, holdsAt: 'press-a' }, priority: 5 })
    await this.task('cover', ({ status }) => status === 'processing')
    const b = await this.start('press-b')
    const pages = Array.from({ length: 9 }, (_, index) => `page-${index + 1}`)
    for (const id of pages) await office.submit({ id, type: 'render', input: { sheets: 3 } })
    await office.submit({ id: 'book', type: 'bind', dependsOn: [...pages, 'cover'] })
    await office.submit({ id: 'review', type: 'review', input: { chapter: 7 } })
    await office.submit({
      id: 'mail-readers',
      type: 'mail',
      input: { to: 'readers', says: 'the mail server is busy' },
      maxAttempts: 5,
      backoff: { baseMs: 600_000, maxMs: 600_000, jitter: 0 },
    })
    await office.submit({
      id: 'mail-printer',
      type: 'mail',
      input: { to: 'printer', says: 'no such mailbox' },
      maxAttempts: 2,
      backoff: { baseMs: 20, jitter: 0 },
    })
    for (const [index, language] of ['french', 'czech', 'welsh'].entries()) {
      await office.submit({ id: `translate-${language}`, type: 'translate', input: { language }, priority: index })
    }
    await Promise.all(pages.map((id) => this.task(id, ({ status }) => status === 'completed')))
    await this.task('mail-printer', ({ status }) => status === 'failed')
    await this.task('mail-readers', ({ status, attempts }) => status === 'pending' && attempts >= 1)
    await this.task('review', ({ status }) => status === 'processing')
    await b.order({ do: 'lock', name: 'cutting-table', waitMs: 0 })
    void a.order({ do: 'lock', name: 'cutting-table', waitMs: 600_000 }).catch(() => {})
    await this.conflict(a, b)
    await office.memory.set(`${namespace}/stock/ink`, { black: 3, cyan: 1 }, { ttlSeconds: 3600 })
    return { a, b }
  }

  async close(): Promise<void> {
    await Promise.all(this.#inspectors.map((inspector) => inspector.close()))
    await Promise.all(this.#printers.map((printer) => printer.kill()))
    await this.office.shutdown({ drainMs: 0 })
  }
}

/** A fact that has not come after so long never comes. */
const factMsMax = 50_000

export interface TaskFacts {
  readonly status: string
  readonly attempts: number
  readonly epoch: number
  readonly owner?: string
  readonly takeovers?: readonly unknown[]
}

function has(message: unknown, member: string, value?: unknown): boolean {
  if (message === null || typeof message !== 'object' || !(member in message)) return false
  return value === undefined || (message as Readonly<Record<string, unknown>>)[member] === value
}

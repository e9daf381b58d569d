/**
 * `npm run test:load -- [seconds]`: the page in Chromium before 10,000 live tasks that take 5,000 events a second, each pane in turn for
 * its share of the time. Prints how long tasks kept the page from answering and what all of it took; exits 1 if that is over the bounds.
 * Runtime, inspector and browser share the machine: let it be quiet.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { checkInspectorOptions } from '../../src/inspector/options.ts'
import { loadPage } from '../../src/inspector/page-assets.ts'
import { RuntimeInspector } from '../../src/inspector/serve-inspector.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { chromiumPath, hasChromium, launch, view } from './browser/chromium.ts'
import { openLive, panes, showPane } from './browser/moves.ts'

const tasks = 10_000
/** Each is two events of its task: the progress, and that it is committed. */
const progressPerSecond = 2500
const eventsPerSecondMin = 4500
/** A task of the page is long from 50 ms on (https://www.w3.org/TR/longtasks-1/). */
const longShareMax = 0.05
const longMsMax = 250
/** Between the first picture and the measurement. */
const settleMs = 3000
const reloadMsMax = 60_000

interface Counted {
  readonly transitions: number
  readonly lost: number
}

async function main(seconds: number): Promise<boolean> {
  const runtime = createRuntime({ store: 'memory:', taskLeaseMs: 3_600_000 })
  const inspector = new RuntimeInspector(runtime, checkInspectorOptions({ port: 0, allowActions: true }), await loadPage())
  const browser = await launch()
  try {
    await runtime.ready()
    runtime.spawnWorker({ id: 'driven', driven: true, capacity: tasks })
    const ids = Array.from({ length: tasks }, (_, index) => `task-${index}`)
    await Promise.all(ids.map((id) => runtime.submit({ id, type: 'endless' })))
    await allProcessing(runtime, ids)
    await inspector.start()
    const { page, faults } = await view(browser, { origin: new URL(inspector.url).origin })
    await page.addInitScript({ content: observeLongTasks })
    const load = new Load(runtime, ids)
    await openLive(page, inspector.url)
    const count = countRecords(inspector)
    load.start()
    // The chart pane shows it, and what happens to it.
    await page.locator('.tree-row', { hasText: 'task/task-' }).first().click()
    await sleep(settleMs)

    const rows = []
    const before = { ...count(), ...load.counts(), atMs: performance.now() }
    const long: number[] = []
    for (const pane of panes) {
      const beganMs = performance.now()
      await page.evaluate('window.longTasks.length = 0; window.frames = 0')
      await showPane(page, pane)
      await sleep((seconds * 1000) / panes.length - (performance.now() - beganMs))
      const ms = performance.now() - beganMs
      const seen = await look(page)
      long.push(...seen.longTasks)
      rows.push({
        pane,
        'frames/s': Math.round((seen.frames / ms) * 1000),
        'long tasks': `${((sum(seen.longTasks) / ms) * 100).toFixed(1)} %`,
        'longest ms': Math.round(Math.max(0, ...seen.longTasks)),
        'page heap MB': Math.round(seen.heapBytes / 1e6),
        'process RSS MB': Math.round(process.memoryUsage.rss() / 1e6),
      })
    }
    const ms = performance.now() - before.atMs
    const after = { ...count(), ...load.counts() }
    console.table(rows)
    const header = (await page.getByRole('banner').innerText()).replaceAll(/\s+/g, ' ')
    // Told from the beginning, while all goes on.
    const reloadedMs = performance.now()
    page.setDefaultTimeout(reloadMsMax)
    await openLive(page, inspector.url)
    const againMs = performance.now() - reloadedMs
    const again = await look(page)
    load.stop()

    const eventsPerSecond = ((after.transitions - before.transitions) / ms) * 1000
    const share = sum(long) / ms
    const longest = Math.max(0, ...long)
    console.log(`the page's head: ${header}`)
    console.log(
      `${(ms / 1000).toFixed(1)} s, ${Math.round(eventsPerSecond)} events/s told, ${after.lost - before.lost} lost on the way`,
    )
    console.log(
      `loaded again: live after ${(againMs / 1000).toFixed(1)} s, the longest task ${Math.max(0, ...again.longTasks).toFixed(0)} ms`,
    )
    const checks = {
      [`at least ${eventsPerSecondMin} events/s`]: eventsPerSecond >= eventsPerSecondMin,
      [`long tasks ${(share * 100).toFixed(2)} % of the time, less than ${longShareMax * 100} %`]: share < longShareMax,
      [`the longest ${longest.toFixed(0)} ms, at most ${longMsMax} ms`]: longest <= longMsMax,
      [`${after.sent - before.sent} sent to the runtime meanwhile, ${after.refused} refused`]: after.refused === 0,
      [`complaints of the page: ${faults.join('; ') || 'none'}`]: faults.length === 0,
    }
    for (const [what, isMet] of Object.entries(checks)) console.log(`${isMet ? 'met   ' : 'MISSED'} ${what}`)
    return Object.values(checks).every(Boolean)
  } finally {
    await browser.close()
    await inspector.close()
    await runtime.shutdown({ drainMs: 0 })
  }
}

async function allProcessing(runtime: Runtime, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    while ((await runtime.task(id).record())?.status !== 'processing') await sleep(50)
  }
}

/** Sends progress at a fixed rate, to one task after the other; what a slow moment left out is sent after it. */
class Load {
  readonly #runtime: Runtime
  readonly #ids: readonly string[]
  #sent = 0
  #refused = 0
  #timer: NodeJS.Timeout | undefined

  constructor(runtime: Runtime, ids: readonly string[]) {
    this.#runtime = runtime
    this.#ids = ids
  }

  start(): void {
    const beganMs = performance.now()
    this.#timer = setInterval(() => {
      const due = ((performance.now() - beganMs) / 1000) * progressPerSecond
      while (this.#sent < due) this.#send()
    }, 10)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  counts(): { readonly sent: number; readonly refused: number } {
    return { sent: this.#sent, refused: this.#refused }
  }

  #send(): void {
    const id = this.#ids[this.#sent++ % this.#ids.length]
    this.#runtime.send(`task/${id}`, { type: 'task.progress', percent: this.#sent % 100 }).catch(() => this.#refused++)
  }
}

/** Counts what the inspector is told from now on. */
function countRecords(inspector: RuntimeInspector): () => Counted {
  const { recorder } = inspector.session
  if (recorder === null) throw new Error('nothing is recorded: no page is connected')
  let place = recorder.end
  let transitions = 0
  let lost = 0
  recorder.onAppend(() => {
    for (const line of recorder.lines(place, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)) {
      place++
      if (line.includes('"type":"transition"')) transitions++
      else if (line.includes('"type":"gap"')) lost += (JSON.parse(line) as { readonly lost: number }).lost
    }
  })
  return () => ({ transitions, lost })
}

const observeLongTasks = `
  window.longTasks = []
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) window.longTasks.push(duration) })
    .observe({ type: 'longtask', buffered: true })
  window.frames = 0
  ;(function frame() { window.frames++; requestAnimationFrame(frame) })()
`

function look(page: Page): Promise<{ longTasks: number[]; frames: number; heapBytes: number }> {
  return page.evaluate('({ longTasks: window.longTasks, frames: window.frames, heapBytes: performance.memory.usedJSHeapSize })')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

const seconds = Number(process.argv[2] ?? 60)
if (!Number.isInteger(seconds) || seconds < panes.length) {
  console.error(`how many seconds must be an integer of at least ${panes.length}, got ${process.argv[2]}`)
  process.exit(2)
}
if (!hasChromium) throw new Error(`there is no ${chromiumPath}: apt-get install -y chromium`)
process.exitCode = (await main(seconds)) ? 0 : 1

/**
 * The layout engine in a web worker, so that a large chart never holds up the page. Owns the worker's life: it starts with the first
 * chart, and one that fails or hangs is replaced. The engine's file is served as it is, which a policy of `worker-src 'self'` without
 * `eval` allows.
 */
import ElkApi, { type ElkNode } from 'elkjs/lib/elk-api.js'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import { MemorySyncError } from '../../../domain/errors.ts'
import { browser } from '../browser.ts'
import type { LayoutEngine } from './layout.ts'

/** A chart that takes longer is given up. */
export const layoutMsMax = 20_000

export function workerEngine(): LayoutEngine {
  let running: RunningEngine | null = null
  return {
    async layout(graph) {
      running ??= start()
      const engine = running
      try {
        return await engine.layout(graph)
      } catch (thrown) {
        // Whatever it was, what is left of that worker is not trusted with the next chart.
        if (running === engine) running = null
        engine.stop()
        throw thrown
      }
    },
  }
}

interface RunningEngine extends LayoutEngine {
  stop(): void
}

function start(): RunningEngine {
  let fail: (error: MemorySyncError) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  failure.catch(() => {})
  const engine = new ElkApi({
    workerFactory: () => {
      const worker = new Worker(workerUrl, { name: 'chart-layout' })
      worker.addEventListener('error', ({ message }) => fail(refusal(message || 'its program could not be loaded')))
      return worker
    },
  })
  return {
    async layout(graph: ElkNode) {
      const cancel = browser.after(layoutMsMax, () => fail(refusal(`no answer within ${layoutMsMax} ms`)))
      try {
        return await Promise.race([engine.layout(graph), failure])
      } finally {
        cancel()
      }
    },
    stop() {
      // What else waits for it would wait for ever.
      fail(refusal('its worker was stopped'))
      engine.terminateWorker()
    },
  }
}

function refusal(reason: string): MemorySyncError {
  return new MemorySyncError('aborted', `the chart could not be laid out: ${reason}. Copy it as Mermaid instead.`)
}

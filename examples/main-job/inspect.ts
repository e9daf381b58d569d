/** Looking into the job with a browser: serves the inspector of the job's memory, and lets the job wait for somebody who looks. */
import { once } from 'node:events'
import type { Runtime } from 'memory-sync'
import type { Inspector } from 'memory-sync/inspector'

export interface Looking {
  /** Settles when a page is connected, or Enter was pressed. */
  readonly begin: Promise<unknown>
  readonly url: string
  close(): Promise<void>
}

export async function serveTo(runtime: Runtime, note: (text: string) => void): Promise<Looking> {
  // Loaded by those who look only: from sources the page is built first.
  const { serveInspector } = await import('memory-sync/inspector')
  // At its own port the page of the last run comes back, with what the user chose there; if that is taken, any other will do.
  const serve = (port?: number): Promise<Inspector> =>
    serveInspector(runtime, { recordAlways: true, ...(port === undefined ? {} : { port }) })
  const inspector = await serve().catch(() => serve(0))
  note(`\n  Open this in a browser: ${inspector.url}\n`)
  note('The job begins when the page is there; Enter begins it without. Key 6 there shows the tasks, and which were taken over.')
  process.stdin.resume()
  const begin = Promise.race([inspector.pageConnected(), once(process.stdin, 'data')])
  return {
    begin,
    url: inspector.url,
    close() {
      // What waits for a key keeps the process.
      process.stdin.pause()
      return inspector.close()
    },
  }
}

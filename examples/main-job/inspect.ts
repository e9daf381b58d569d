/** Looking into the job with a browser: serves the inspector of the job's memory, and lets the job wait for somebody who looks. */
import { once } from 'node:events'
import type { Runtime } from 'memory-sync'

export interface Looking {
  /** Settles when a page is connected, or Enter was pressed. */
  readonly begin: Promise<unknown>
  readonly url: string
  close(): Promise<void>
}

export async function serveTo(runtime: Runtime, note: (text: string) => void): Promise<Looking> {
  // Loaded by those who look only: from sources the page is built first.
  const { serveInspector } = await import('memory-sync/inspector')
  const inspector = await serveInspector(runtime, { port: 0, recordAlways: true })
  note(`\n  Open this in a browser: ${inspector.url}\n`)
  note('The job begins when the page is there; Enter begins it without.')
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

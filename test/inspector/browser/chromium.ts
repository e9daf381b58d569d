/**
 * A page in a real browser that may reach nothing but the inspector: whatever else it asks for, and whatever it complains about, is
 * kept, so that a test can fail for it. Knows nothing of what the page shows.
 */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const hasChromium = existsSync(chromiumPath)

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Offline: no name leads anywhere.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
]

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, headless: true, args: flags })
}

export interface View {
  readonly page: Page
  readonly context: BrowserContext
  /** What no page of ours does: errors and warnings of the console, exceptions, requests to other places. In order. */
  readonly faults: string[]
}

export interface ViewOptions {
  /** The only place that the page may ask: `http://127.0.0.1:<port>`. */
  readonly origin: string
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
}

/** A profile of its own. */
export async function view(browser: Browser, options: ViewOptions): Promise<View> {
  const { origin, width = 1440, height = 900, colorScheme = 'light' } = options
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const faults: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type())) faults.push(`console ${message.type()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`))
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    const { protocol } = new URL(request.url())
    if (protocol !== 'blob:' && protocol !== 'data:' && new URL(request.url()).origin !== origin) {
      faults.push(`request: ${request.url()}`)
    }
  })
  return { page, context, faults }
}

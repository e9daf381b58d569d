/** One print shop, one inspector and one browser for the tests of a file; and the end of them all. A page's complaints fail its test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { RuntimeInspector } from '../../../src/inspector/serve-inspector.ts'
import { launch, type View, type ViewOptions, view } from './chromium.ts'
import { openLive } from './moves.ts'
import { type Printer, PrintShop } from './print-shop.ts'

const startMsMax = 120_000

export interface Stage {
  readonly shop: PrintShop
  readonly inspector: RuntimeInspector
  readonly a: Printer
  readonly b: Printer
  /** The page that the tests share, live. */
  readonly page: Page
  /** What it complained about, until the end of the test. */
  readonly faults: string[]
  /** Another page in a profile of its own; it goes with the test. */
  another(options?: Partial<ViewOptions>): Promise<View>
}

/** Call it in a `describe`; what it gives is there when tests run. */
export function useStage(): Stage {
  let directory: string | undefined
  let shop: PrintShop | undefined
  let browser: Browser | undefined
  let parts: Omit<Stage, 'another'> | undefined
  const others: View[] = []
  const ready = (): Omit<Stage, 'another'> => {
    if (parts === undefined) throw new Error('the stage is set up before the first test')
    return parts
  }
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'print-shop-'))
    shop = new PrintShop(join(directory, 'memory'))
    const [inspector, launched] = await Promise.all([shop.inspect(), launch()])
    browser = launched
    const { page, faults } = await view(browser, { origin: new URL(inspector.url).origin })
    await openLive(page, inspector.url)
    parts = { shop, inspector, page, faults, ...(await shop.open()) }
  }, startMsMax)
  afterEach(async ({ task }) => {
    if (parts === undefined) return
    if (task.result?.state === 'fail') await photograph(ready().page, task.name)
    const complaints = [...ready().faults.splice(0), ...others.flatMap(({ faults }) => faults)]
    for (const { context } of others.splice(0)) await context.close()
    expect(complaints).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    await shop?.close()
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  })
  return {
    get shop() {
      return ready().shop
    },
    get inspector() {
      return ready().inspector
    },
    get a() {
      return ready().a
    },
    get b() {
      return ready().b
    },
    get page() {
      return ready().page
    },
    get faults() {
      return ready().faults
    },
    async another(options) {
      if (browser === undefined) throw new Error('the stage is set up before the first test')
      const other = await view(browser, { origin: new URL(ready().inspector.url).origin, ...options })
      others.push(other)
      return other
    },
  }
}

/** What the page looked like when its test failed. */
async function photograph(page: Page, name: string): Promise<void> {
  const path = join(tmpdir(), `failed ${name.replaceAll(/[^a-z ]/gi, '').slice(0, 60)}.png`)
  await page.screenshot({ path })
  console.error(`"${name}" failed when the page looked like ${path}`)
}

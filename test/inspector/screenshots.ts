/**
 * Makes the pictures in docs/pictures from a real job: `npm run screenshots`. Needs Chromium. What is on them differs from run to run in
 * times and numbers only.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { chromiumPath, hasChromium, launch, view } from './browser/chromium.ts'
import { chooseTask, openLive, row, showKey, showPane, waitForChart } from './browser/moves.ts'
import { PrintShop } from './browser/print-shop.ts'

const pictures = fileURLToPath(new URL('../../docs/pictures/', import.meta.url))
/** Of all pictures together: they are in the repository for ever. */
const bytesMax = 1_500_000
/** So that there are curves. */
const figuresMs = 5000

async function main(directory: string): Promise<void> {
  const shop = new PrintShop(directory)
  const browser = await launch()
  try {
    const inspector = await shop.inspect()
    const { origin } = new URL(inspector.url)
    const { page, faults } = await view(browser, { origin })
    await openLive(page, inspector.url)
    const { a } = await shop.open()
    await a.kill()
    await shop.task('book', ({ status }) => status === 'completed')
    await shop.start('press-a')

    await showPane(page, 'Tasks')
    await chooseTask(page, 'cover')
    await take(page, 'tasks')

    await showPane(page, 'Actors')
    await row(page, 'task/review').click()
    await take(page, 'actors')

    await row(page, 'task/review').dblclick()
    await waitForChart(page)
    await take(page, 'chart')
    await page.getByRole('button', { name: 'Dark', exact: true }).click()
    await take(page, 'chart-dark')
    await page.getByRole('button', { name: 'Light', exact: true }).click()

    await showPane(page, 'Actors')
    await page.locator('.tree-row', { hasText: 'task/cover' }).filter({ hasText: 'completed' }).click()
    await showPane(page, 'Sequence')
    await page.getByRole('button', { name: 'Only task/cover' }).click()
    await take(page, 'sequence')

    await showKey(page, 'print-shop/stock/paper')
    await page.getByRole('button', { name: /^History/ }).click()
    await take(page, 'memory')
    await page.getByRole('button', { name: /^Conflicts/ }).click()
    await take(page, 'conflict')

    await showPane(page, 'Plots')
    await page.waitForTimeout(figuresMs)
    await take(page, 'plots')
    for (const fault of faults) console.error(fault)
    if (faults.length > 0) process.exitCode = 1
  } finally {
    await browser.close()
    await shop.close()
  }
}

let bytes = 0

async function take(page: Page, name: string): Promise<void> {
  // No row under the mouse, no tooltip.
  await page.mouse.move(0, 0)
  await page.waitForTimeout(300)
  const path = `${pictures}${name}.png`
  await page.screenshot({ path })
  bytes += statSync(path).size
  console.log(`${path} ${statSync(path).size} bytes`)
}

if (!hasChromium) throw new Error(`there is no ${chromiumPath}: apt-get install -y chromium`)
mkdirSync(pictures, { recursive: true })
const directory = mkdtempSync(join(tmpdir(), 'print-shop-'))
try {
  await main(join(directory, 'memory'))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
if (bytes > bytesMax) throw new Error(`the pictures have ${bytes} bytes, more than ${bytesMax}`)

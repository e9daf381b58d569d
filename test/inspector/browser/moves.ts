/** What a user does on the page, by what a user sees: names, labels, text. Each settles when the page shows that it has happened. */
import type { Locator, Page } from 'playwright-core'

export const panes = ['Actors', 'Chart', 'Sequence', 'Log', 'Memory', 'Tasks', 'Workers', 'Locks', 'Plots'] as const

export async function openLive(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.locator('.link-state', { hasText: /^Live$/ }).waitFor()
}

export async function showPane(page: Page, label: (typeof panes)[number]): Promise<void> {
  await page.getByRole('navigation', { name: 'Panes' }).getByRole('button', { name: label }).click()
  await page.getByRole('main', { name: label }).waitFor()
}

/** The row of a list with this text, the first one. */
export function row(page: Page, text: string | RegExp): Locator {
  return page.locator('.vlist-row', { hasText: text }).first()
}

/** What stands beside the list. */
export function about(page: Page): Locator {
  return page.locator('.pane-side')
}

export async function filter(page: Page, text: string): Promise<void> {
  await page.getByRole('main').locator('[data-filter]').first().fill(text)
}

export async function chooseTask(page: Page, id: string): Promise<void> {
  await page
    .getByRole('main')
    .locator('.task-id', { hasText: new RegExp(`^${id}$`) })
    .click()
  await about(page).getByRole('heading', { name: id, exact: true }).waitFor()
}

/** Finds it among all keys and chooses it. */
export async function showKey(page: Page, key: string): Promise<void> {
  await showPane(page, 'Memory')
  await filter(page, key)
  await row(page, key).click()
  await about(page).getByRole('heading', { name: key, exact: true }).waitFor()
  await filter(page, '')
}

/** Settles when the picture is drawn. */
export async function waitForChart(page: Page): Promise<void> {
  await page.locator('.chart-sheet svg').waitFor()
}

export function textOf(page: Page, selector: string): Promise<string> {
  return page.locator(selector).first().innerText()
}

/** The texts of what can be seen of a list, from the top. */
export async function rowsOf(page: Page, selector: string): Promise<string[]> {
  const rows = await page.locator(selector).all()
  const placed = await Promise.all(
    rows.map(async (each) => ({ text: await each.innerText(), y: (await each.boundingBox())?.y ?? 0 })),
  )
  return placed.sort((one, other) => one.y - other.y).map(({ text }) => text)
}

/** Lets go of a file of this machine over the page, as its user does with the mouse. */
export async function dropFile(page: Page, path: string): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  const drag = (type: 'dragEnter' | 'dragOver' | 'drop') =>
    devtools.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data: { items: [], files: [path], dragOperationsMask: 1 } })
  await drag('dragEnter')
  await drag('dragOver')
  await page.getByText('Drop a session (.jsonl) to open it').waitFor()
  await drag('drop')
  await devtools.detach()
}

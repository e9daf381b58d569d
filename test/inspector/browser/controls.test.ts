/** What can be clicked in the panes beside the point of each: copying, folding, moving, choosing, links from pane to pane, sorting. */
import type { Locator } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from './chromium.ts'
import { about, chooseTask, filter, row, rowsOf, showKey, showPane, waitForChart } from './moves.ts'
import { namespace } from './print-shop.ts'
import { useStage } from './stage.ts'

const paper = `${namespace}/stock/paper`

describe.skipIf(!hasChromium)('the controls of the panes', () => {
  const stage = useStage()
  const button = (name: string | RegExp) => stage.page.getByRole('main').getByRole('button', { name }).first()
  const main = (label: string) => stage.page.getByRole('main', { name: label })

  it('copies charts and sequences as Mermaid, values and records as JSON, and names', async () => {
    const { page } = stage
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await showPane(page, 'Actors')
    await row(page, 'task/review').click()
    expect(await copied(button('Copy task/review'))).toBe('task/review')
    expect(JSON.parse(await copied(button('Copy as JSON')))).toMatchObject({ record: { id: 'review' } })
    await button('task.progress').click()
    await page.getByRole('textbox', { name: /^Members of/ }).fill('{ "percent": 5 }')
    await button('Send').click()
    await page.getByText('task.progress was sent to task/review').waitFor()
    await button('Show its chart').click()
    await waitForChart(page)
    const chart = await copied(button('Copy as Mermaid'))
    expect(chart).toMatch(/^stateDiagram-v2\n/)
    for (const state of ['pending', 'processing', 'completed']) expect(chart).toContain(state)

    await showPane(page, 'Sequence')
    await page.locator('.sequence-row').first().waitFor()
    const sequence = await copied(button('Copy as Mermaid'))
    expect(sequence).toMatch(/^sequenceDiagram\n {2}participant /)
    for (const name of ['as memory', '@ press-a', 'worker/press-b.desk @ press-b']) expect(sequence).toContain(name)

    await showPane(page, 'Log')
    await filter(page, 'type:transition address:task/review')
    await row(page, 'task/review').click()
    const record = JSON.parse(await copied(button('Copy the record as JSON')))
    expect(record).toMatchObject({ type: 'transition', address: 'task/review' })
    await filter(page, '')

    await showKey(page, paper)
    expect(await copied(button(`Copy ${paper}`))).toBe(paper)
    expect(JSON.parse(await copied(button('Copy as JSON')))).toMatchObject({ A4: 500, A5: 60 })
  })

  it('folds and unfolds a value, shows what is long in parts, and loads whole what was cut', async () => {
    const { page, shop } = stage
    const long = { text: `${'x'.repeat(1000)} end`, numbers: Array.from({ length: 250 }, (_, index) => index) }
    await shop.office.memory.set(`${namespace}/notes/long`, long)
    await showKey(page, `${namespace}/notes/long`)
    const lines = () => about(page).locator('.json-line').count()
    await button('764 more characters').click()
    await page.getByText('xx end').waitFor()
    const folded = await lines()
    await button(/^numbers/).click()
    await button('show 100 of 150 more').click()
    await button('show 50 of 50 more').click()
    await page.getByText('249', { exact: true }).waitFor()
    await button(/^numbers/).click()
    await expect.poll(lines).toBe(folded)

    // As a whole, and in its members.
    const numbers = Array.from({ length: 2000 }, (_, index) => index)
    for (const [name, large] of Object.entries({ large: numbers, larger: { title: 'numbers', numbers } })) {
      await shop.office.memory.set(`${namespace}/notes/${name}`, large)
      await showKey(page, `${namespace}/notes/${name}`)
      await about(page).locator('.badge', { hasText: 'cut' }).waitFor()
      await button('Load the whole value').click()
      await about(page).locator('.badge', { hasText: 'cut' }).waitFor({ state: 'detached' })
      expect(JSON.parse(await copied(button('Copy as JSON')))).toEqual(large)
    }
  })

  it('a chart is moved and enlarged by wheel, mouse and keys; an edge in it and an actor of it can be chosen', async () => {
    const { page } = stage
    await showPane(page, 'Actors')
    await row(page, 'task/review').dblclick()
    await waitForChart(page)
    const view = page.locator('.chart-view')
    const level = async () => Number.parseInt(await page.locator('.chart-zoom-button.is-level').innerText(), 10)
    const place = () => page.locator('.chart-sheet').evaluate((sheet) => (sheet as HTMLElement).style.transform)
    const whole = await place()
    const moved = async (move: () => Promise<void>) => {
      const from = await place()
      await move()
      await expect.poll(place).not.toBe(from)
    }
    const fitted = await level()
    await view.hover()
    await page.mouse.wheel(0, -400)
    await expect.poll(level).toBeGreaterThan(fitted)
    await moved(async () => {
      await page.mouse.down()
      await page.mouse.move(500, 300, { steps: 3 })
      await page.mouse.up()
    })
    await moved(() => button('Smaller').click())
    for (const key of ['+', '-', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) await moved(() => view.press(key))
    await view.press('0')
    await expect.poll(place).toBe(whole)

    await page.locator('.chart-label .chart-edge').first().click()
    await page.locator('.chart-label .chart-edge.is-chosen').waitFor()

    const sharers = page.locator('.chart-sharers')
    await sharers.getByRole('textbox', { name: 'Filter the actors of this chart' }).fill('mail-readers')
    await sharers.locator('.vlist-row', { hasNotText: 'mail-readers' }).first().waitFor({ state: 'detached' })
    await sharers.locator('.vlist-row', { hasText: 'in memory' }).click()
    await page.locator('.chart-who', { hasText: 'task/mail-readers' }).waitFor()
    await sharers.getByRole('button', { name: 'Clear the filter' }).click()
    await sharers.locator('.vlist-row', { hasText: 'task/review' }).first().waitFor()
  })

  it('a sequence leaves out any kind, is filtered, chosen from and opened by mouse and keys, and waits where it is scrolled to', async () => {
    const { page } = stage
    await showPane(page, 'Sequence')
    const kinds = { Events: 'event', Writes: 'write', Changes: 'change', Lifecycles: 'lifecycle', Trouble: 'trouble' }
    for (const [label, kind] of Object.entries(kinds)) {
      await page.locator('.sequence-row.is-event').first().waitFor()
      await button(label).click()
      await expect.poll(() => page.locator(`.sequence-row.is-${kind}`).count()).toBe(0)
      expect(await button(label).getAttribute('aria-pressed')).toBe('false')
      await button(label).click()
    }
    await filter(page, 'event:task.progress address:task/page-1')
    await page.locator('.sequence-head', { hasText: 'page-1' }).click()
    expect(await button('Only task/page-1').isEnabled()).toBe(true)

    const diagram = page.getByRole('application', { name: /^Sequence of/ })
    await diagram.press('Home')
    await diagram.press('ArrowDown')
    await about(page).getByRole('heading', { name: 'task.progress' }).waitFor()
    await diagram.press('Enter')
    await main('Log').waitFor()
    await showPane(page, 'Sequence')
    await page.locator('.sequence-row').nth(1).dblclick()
    await main('Log').waitFor()
    await about(page).getByRole('heading', { name: 'task.progress' }).waitFor()
    await button('Close the details').click()

    await showPane(page, 'Sequence')
    await button('Clear the filter').click()
    await diagram.hover()
    await page.mouse.wheel(0, -1500)
    await button(/go on$/i).click()
    await expect.poll(() => page.locator('.sequence-follow').count()).toBe(0)
  })

  it('every name leads to the pane where it is at home', async () => {
    const { page } = stage
    const titled = (title: string | RegExp) => about(page).getByTitle(title).first()
    const task = async (id: string) => {
      await showPane(page, 'Tasks')
      await chooseTask(page, id)
    }
    const actor = (address: string) => chosen('Actors', address)
    const worker = () => chosen('Workers', 'press-a.press')
    const lock = () => chosen('Locks', 'cutting-table')
    const record = async (query: string) => {
      await showPane(page, 'Log')
      await filter(page, query)
      await page.locator('.log-row').first().click()
    }
    const chosen = async (pane: Parameters<typeof showPane>[1], text: string) => {
      await showPane(page, pane)
      await row(page, text).click()
    }
    await task('cover')
    await page.getByRole('checkbox', { name: 'with transitions' }).check()
    const ways: readonly (readonly [from: () => Promise<void>, link: Locator, pane: string, shows: string])[] = [
      [() => task('book'), button('page-3'), 'Tasks', 'page-3'],
      [() => task('cover'), titled('Show the worker'), 'Workers', 'press-a.press'],
      [() => task('cover'), button('Show its chart'), 'Chart', 'task/cover'],
      [() => task('cover'), button('Show its record'), 'Memory', 'tasks/cover/record'],
      [() => task('cover'), titled(/: show the record$/), 'Log', 'tasks/cover/record'],
      [() => task('cover'), titled(/: show the transition$/), 'Log', 'task/cover'],
      [worker, button('cover'), 'Tasks', 'cover'],
      [worker, button('Show its chart'), 'Chart', 'worker/press-a.press'],
      [lock, titled('Show the chart of its actor'), 'Chart', 'lock/'],
      [lock, about(page).locator('.rows .link').first(), 'Chart', 'lock/'],
      [lock, button('Show its record'), 'Memory', 'locks/cutting-table'],
      [lock, titled('Show the record'), 'Log', 'locks/cutting-table'],
      [() => actor('task/review'), titled('Show it in the log'), 'Log', 'task/review'],
      [() => record('type:transition address:task/review'), titled('Show its chart'), 'Chart', 'task/review'],
      [() => record(`type:change key:${paper}`), titled('Show it in memory'), 'Memory', paper],
      [() => showKey(page, `${namespace}/tasks/page-2/record`), button('transition'), 'Log', 'page-2'],
    ]
    for (const [from, link, pane, shows] of ways) {
      await from()
      await link.click()
      await main(pane).locator('.about, .chart-who', { hasText: shows }).first().waitFor()
    }
    await showKey(page, paper)
    await button(/^History/).click()
    await page.locator('.causality-node:not(.is-unstored)').first().press('Enter')
    await page.locator('.version.is-after:last-child').waitFor()
    const newest = page.locator('.version').first()
    await newest.getByRole('radio', { name: 'Compare to' }).check()
    await newest.getByRole('button', { name: 'record' }).click()
    await main('Log').locator('.about-name', { hasText: paper }).waitFor()
  })

  it('every table is sorted by each of its columns and filtered; the groups of tasks leave out the others', async () => {
    const { page } = stage
    const words = { Tasks: 'mail', Workers: 'desk', Locks: 'cutting' } as const
    for (const pane of ['Tasks', 'Workers', 'Locks'] as const) {
      await showPane(page, pane)
      for (const header of await main(pane).getByRole('columnheader').all()) {
        await header.getByRole('button').click()
        expect(await header.getAttribute('aria-sort')).toBe('ascending')
      }
      await filter(page, words[pane])
      await page.locator('.table-row', { hasNotText: words[pane] }).first().waitFor({ state: 'detached' })
      await filter(page, 'no such thing')
      await page.getByText('passes the filter').waitFor()
      await button('Clear the filter').click()
    }
    await showPane(page, 'Tasks')
    const byId = main('Tasks').getByRole('columnheader', { name: 'Task' }).getByRole('button')
    await byId.click()
    const ids = await rowsOf(page, '.task-id')
    expect(ids).toEqual([...ids].sort())
    await byId.click()
    expect(await rowsOf(page, '.task-id')).toEqual(ids.toReversed())
    const groups = page.getByRole('group', { name: 'Which tasks' }).getByRole('button')
    for (const group of await groups.all()) {
      await group.click()
      expect(await group.getAttribute('aria-pressed')).toBe('true')
      const count = Number((await group.innerText()).match(/\d+$/)?.[0])
      await expect.poll(() => page.locator('.task-row').count()).toBe(count)
    }
    await groups.first().click()
  })

  it('a drag in a plot enlarges all of them, and a button takes that back', async () => {
    const { page } = stage
    await showPane(page, 'Plots')
    const over = page.locator('.plot .u-over').first()
    await over.hover({ position: { x: 80, y: 40 } })
    await page.mouse.down()
    const { x = 0, y = 0 } = (await over.boundingBox()) ?? {}
    await page.mouse.move(x + 200, y + 40, { steps: 4 })
    await page.mouse.up()
    await button('Show all of the time').click()
    await page.getByText('Drag: zoom in').waitFor()
    expect(await page.locator('.time-bar.is-past').count()).toBe(0)
  })
})

/** What is on the clipboard when it has been pressed. */
async function copied(control: Locator): Promise<string> {
  const clipboard = (): Promise<string> => control.page().evaluate('navigator.clipboard.readText()')
  await control.page().evaluate(`navigator.clipboard.writeText('')`)
  await control.click()
  await expect.poll(clipboard).not.toBe('')
  return clipboard()
}

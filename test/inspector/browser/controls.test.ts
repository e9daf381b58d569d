/** What there is to click beside the point of each pane: copying, folding, resizing, moving, links from pane to pane, sorting, keys. */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from './chromium.ts'
import { about, chooseTask, dropFile, filter, openLive, row, rowsOf, showKey, showPane, waitForChart } from './moves.ts'
import { namespace } from './print-shop.ts'
import { rareEvents, rareSession } from './rare-session.ts'
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
    expect(JSON.parse(await copied(button('Copy as JSON')))).toMatchObject({ id: 'review' })
    await button('Show its chart').click()
    await waitForChart(page)
    const chart = await copied(button('Copy as Mermaid'))
    expect(chart).toMatch(/^stateDiagram-v2\n/)
    for (const state of ['pending', 'processing', 'completed']) expect(chart).toContain(state)

    await showPane(page, 'Sequence')
    await page.locator('.sequence-row').first().waitFor()
    const sequence = await copied(button('Copy as Mermaid'))
    expect(sequence).toMatch(/^sequenceDiagram\n {2}participant /)
    for (const name of ['shared memory', 'press-a', 'press-b']) expect(sequence).toContain(name)

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
    const lines = about(page).locator('.json-line')
    await about(page).getByRole('button', { name: '764 more characters' }).click()
    await about(page).getByText('xx end').waitFor()
    const folded = await lines.count()
    await about(page).getByRole('button', { name: /^numbers/ }).click()
    await about(page).getByRole('button', { name: 'show 100 of 150 more' }).click()
    await about(page).getByRole('button', { name: 'show 50 of 50 more' }).click()
    await about(page).getByText('249').waitFor()
    await about(page).getByRole('button', { name: /^numbers/ }).click()
    await expect.poll(() => lines.count()).toBe(folded)

    const large = { numbers: Array.from({ length: 2000 }, (_, index) => index) }
    await shop.office.memory.set(`${namespace}/notes/large`, large)
    await showKey(page, `${namespace}/notes/large`)
    await about(page).getByText(/^cut, .* in all$/).waitFor()
    await about(page).getByRole('button', { name: 'Load the whole value' }).click()
    await about(page).getByRole('button', { name: /^numbers/ }).waitFor()
    expect(JSON.parse(await copied(button('Copy as JSON')))).toEqual(large)
  })

  it('parts of a pane are resized by drag and by keys, remembered, and reset by a double click', async () => {
    const { page } = stage
    await showPane(page, 'Tasks')
    await chooseTask(page, 'book')
    const bar = page.getByRole('separator', { name: 'Size of Task' })
    const percent = async () => Number(await bar.getAttribute('aria-valuenow'))
    const width = async () => (await page.locator('.split-side').boundingBox())?.width ?? 0
    const before = { percent: await percent(), width: await width() }
    const { x = 0, y = 0 } = (await bar.boundingBox()) ?? {}
    await page.mouse.move(x, y + 200)
    await page.mouse.down()
    await page.mouse.move(x - 150, y + 200, { steps: 3 })
    await page.mouse.up()
    await expect.poll(async () => Math.round((await width()) - before.width)).toBeCloseTo(150, -1)
    const dragged = await percent()
    await page.mouse.move(x - 300, y + 200)
    expect(await percent()).toBe(dragged)
    await bar.press('ArrowRight')
    await expect.poll(percent).toBe(dragged - 2)
    await bar.press('ArrowLeft')
    await bar.press('ArrowUp')
    await expect.poll(percent).toBe(dragged + 2)
    await showPane(page, 'Log')
    await showPane(page, 'Tasks')
    await expect.poll(percent).toBe(dragged + 2)
    await bar.dblclick()
    await expect.poll(percent).toBe(before.percent)
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
    await expect.poll(() => sharers.locator('.filter-count').innerText()).toBe(String(await sharers.locator('.vlist-row').count()))
    await sharers.locator('.vlist-row', { hasText: 'in memory' }).click()
    await page.locator('.chart-who', { hasText: 'task/mail-readers' }).waitFor()
    await sharers.getByRole('button', { name: 'Clear the filter' }).click()
    await sharers.locator('.vlist-row', { hasText: 'task/review' }).first().waitFor()
  })

  it('a sequence leaves out any kind, is filtered, chosen from and opened by mouse and keys, and waits where it is scrolled to', async () => {
    const { page } = stage
    await showPane(page, 'Sequence')
    const kinds = { Events: 'event', Writes: 'write', Changes: 'change' }
    for (const [label, kind] of Object.entries(kinds)) {
      await page.locator(`.sequence-row.is-${kind}`).first().waitFor()
      await button(label).click()
      await expect.poll(() => page.locator(`.sequence-row.is-${kind}`).count()).toBe(0)
      await button(label).click()
    }
    for (const label of ['Lifecycles', 'Trouble']) {
      await button(label).click()
      expect(await button(label).getAttribute('aria-pressed')).toBe('false')
      await button(label).click()
    }
    await filter(page, 'event:task.progress address:task/page-1')
    await page.getByTitle(/^task\/page-1, of press-/).first().click()
    await expect(button('Only task/page-1').isEnabled()).resolves.toBe(true)

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
    const link = (name: string | RegExp) => about(page).getByRole('button', { name }).first()
    const task = (id: string) => async () => {
      await showPane(page, 'Tasks')
      await chooseTask(page, id)
    }
    const chosen = (pane: 'Actors' | 'Locks' | 'Workers', text: string) => async () => {
      await showPane(page, pane)
      await page.locator('.vlist-row', { hasText: text }).first().click()
    }
    const record = (query: string) => async () => {
      await showPane(page, 'Log')
      await filter(page, query)
      await page.locator('.log-row').first().click()
    }
    const lock = chosen('Locks', 'cutting-table')
    const ways: readonly (readonly [from: () => Promise<void>, link: () => Locator, pane: string, shows: string])[] = [
      [task('book'), () => link('page-3'), 'Tasks', 'page-3'],
      [task('cover'), () => about(page).getByTitle('Show the worker'), 'Workers', 'press-a.press'],
      [task('cover'), () => link('Show its chart'), 'Chart', 'task/cover'],
      [task('cover'), () => link('Show its record'), 'Memory', `${namespace}/tasks/cover/record`],
      [task('cover'), () => about(page).getByTitle(/: show the record$/).first(), 'Log', 'tasks/cover/record'],
      [task('cover'), () => about(page).getByTitle(/: show the transition$/).first(), 'Log', 'task.'],
      [chosen('Workers', 'press-a.press'), () => link('cover'), 'Tasks', 'cover'],
      [chosen('Workers', 'press-a.press'), () => link('Show its chart'), 'Chart', 'worker/press-a.press'],
      [lock, () => about(page).getByTitle('Show the chart of its actor'), 'Chart', 'lock/'],
      [lock, () => about(page).locator('.rows .link').first(), 'Chart', 'lock/'],
      [lock, () => link('Show its record'), 'Memory', 'locks/cutting-table'],
      [lock, () => about(page).getByTitle('Show the record').first(), 'Log', 'locks/cutting-table'],
      [chosen('Actors', 'task/review'), () => about(page).getByTitle('Show its chart').first(), 'Chart', 'worker/press-b.desk'],
      [chosen('Actors', 'task/review'), () => about(page).getByTitle('Show it in the log').first(), 'Log', 'task.'],
      [record('type:transition address:task/review'), () => about(page).getByTitle('Show its chart').first(), 'Chart', 'task/review'],
      [record(`type:change key:${paper}`), () => about(page).getByTitle('Show it in memory').first(), 'Memory', paper],
      [() => showKey(page, `${namespace}/tasks/page-2/record`), () => link('transition'), 'Log', 'page-2'],
    ]
    for (const [from, to, pane, shows] of ways) {
      await from()
      await to().click()
      await main(pane).waitFor()
      await main(pane).locator('.about-name, .chart-who, .about').filter({ hasText: shows }).first().waitFor()
    }
    await showKey(page, paper)
    await button(/^History/).click()
    await page.locator('.version').first().getByRole('radio').last().check()
    await page.locator('.version').first().getByRole('button', { name: 'record' }).click()
    await main('Log').locator('.about-name', { hasText: paper }).waitFor()
  })

  it('every table is sorted by each of its columns and filtered; the groups of tasks leave out the others', async () => {
    const { page } = stage
    for (const [pane, word] of [['Tasks', 'mail'], ['Workers', 'desk'], ['Locks', 'cutting']] as const) {
      await showPane(page, pane)
      for (const header of await main(pane).getByRole('columnheader').all()) {
        for (const order of ['ascending', 'descending']) {
          await header.getByRole('button').click()
          await expect.poll(() => header.getAttribute('aria-sort')).toBe(order)
        }
      }
      await filter(page, word)
      await expect.poll(async () => (await rowsOf(page, '.table-row')).every((text) => text.includes(word))).toBe(true)
      await filter(page, 'no such thing')
      await page.getByText('passes the filter').waitFor()
      await button('Clear the filter').click()
    }
    await showPane(page, 'Tasks')
    await main('Tasks').getByRole('columnheader', { name: 'Task' }).getByRole('button').click()
    const ids = await rowsOf(page, '.task-id')
    expect(ids).toEqual([...ids].sort())
    const groups = page.getByRole('group', { name: 'Which tasks' }).getByRole('button')
    for (const group of await groups.all()) {
      await group.click()
      expect(await group.getAttribute('aria-pressed')).toBe('true')
      const count = Number((await group.innerText()).match(/\d+$/)?.[0])
      await expect.poll(() => page.locator('.task-row').count()).toBe(count)
    }
    await groups.first().click()
  })

  it('lists and trees are walked by keys: to both ends, by pages, in and out of folders, and open what is chosen', async () => {
    const { page } = stage
    const list = (name: string) => page.getByRole('main').getByLabel(name, { exact: true }).last()
    const chosen = () => page.locator('.vlist-row.is-selected').first().innerText()
    await showPane(page, 'Memory')
    const keys = page.getByRole('tree', { name: 'Keys' })
    await keys.press('Home')
    await expect.poll(chosen).toContain(namespace)
    await keys.press('ArrowLeft')
    await expect.poll(() => page.locator('.key-row').count()).toBe(1)
    await keys.press('Enter')
    await expect.poll(() => page.locator('.key-row').count()).toBeGreaterThan(1)
    await keys.press('ArrowDown')
    await keys.press('ArrowRight')
    await keys.press('ArrowDown')
    await keys.press('ArrowLeft')
    await keys.press('ArrowLeft')
    await showPane(page, 'Log')
    const log = list('Records, newest first')
    for (const key of ['Home', 'PageDown', 'ArrowDown', 'ArrowUp', 'PageUp']) await log.press(key)
    await log.press('ArrowDown')
    await log.press('Enter')
    await page.locator('.time-bar.is-past').waitFor()
    await page.getByRole('button', { name: 'Live' }).click()
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

  it('tells of a dead letter, and looks as far back as it is asked to', async () => {
    const { page } = await stage.another()
    await openLive(page, stage.inspector.url)
    const file = join(tmpdir(), `rare-${process.pid}.jsonl`)
    writeFileSync(file, rareSession())
    await dropFile(page, file)
    await page.getByRole('button', { name: /^Dead letters 2/ }).click()
    await row(page, 'task/gone').click()
    await about(page).getByText('"late"').waitFor()
    await showPane(page, 'Tasks')
    await chooseTask(page, 'long')
    const steps = page.locator('.step.is-transition')
    expect(await steps.count()).toBeLessThan(rareEvents)
    await page.getByRole('button', { name: 'Look further back' }).click()
    await expect.poll(() => steps.count()).toBe(rareEvents)
    await page.getByRole('checkbox', { name: 'with transitions' }).uncheck()
    await expect.poll(() => steps.count()).toBe(0)
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

/** What is around the panes, in a real browser: the time bar, session files, the theme, the keys, the sizes of its parts. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadPage } from '../../../src/inspector/page-assets.ts'
import { serveRecording } from '../../../src/inspector/serve-recording.ts'
import { silentLogger } from '../../../src/ports/logger.ts'
import { hasChromium } from './chromium.ts'
import { about, chooseTask, openLive, panes, row, rowsOf, showPane, waitForChart } from './moves.ts'
import { namespace } from './print-shop.ts'
import { useStage } from './stage.ts'

describe.skipIf(!hasChromium)('the page around the panes', () => {
  const stage = useStage()

  it('travels back: scrubbing, steps and playing move every pane, and live is one click away', async () => {
    const { page } = stage
    await showPane(page, 'Tasks')
    const bar = page.getByRole('slider', { name: 'Moment that is shown' })
    await bar.focus()
    await page.keyboard.press('Home')
    await page.getByText('No task has been seen yet').waitFor()
    await page.getByRole('button', { name: 'One record on' }).click()
    await expect.poll(() => bar.inputValue()).toBe(String(Number(await bar.getAttribute('min')) + 1))
    await page.getByRole('button', { name: 'One record back' }).click()
    await page.getByRole('combobox', { name: 'Speed of playing' }).selectOption('100')
    await page.getByRole('button', { name: 'Play from here' }).click()
    await page.locator('.task-id', { hasText: 'book' }).waitFor()
    await bar.focus()
    await page.keyboard.press('Home')
    await page.locator('.time-bar.is-past').waitFor()
    await page.getByRole('button', { name: 'Live' }).click()
    await page.locator('.task-id', { hasText: 'book' }).waitFor()

    await page.getByRole('combobox', { name: 'Speed of playing' }).selectOption('0.1')
    await page.getByRole('button', { name: 'Stop at this moment' }).click()
    await page.locator('.time-bar.is-past').waitFor()
    await bar.press('Home')
    await page.getByRole('button', { name: 'Play from here' }).click()
    await page.getByRole('button', { name: 'Stop (Space)' }).click()
    await page.getByRole('button', { name: 'Play from here' }).waitFor()
    await page.getByRole('button', { name: 'Live' }).click()
  })

  it('marks on the time bar lead to what they mark, by a click and by keys', async () => {
    const { page } = stage
    const bar = page.getByRole('slider', { name: 'Moment that is shown' })
    const newest = async () => (await rowsOf(page, '.log-row'))[0]
    await page.locator('.mark.is-conflict').first().click()
    await page.locator('.time-bar.is-past').waitFor()
    await showPane(page, 'Log')
    await expect.poll(newest).toContain('conflict')
    const marked = await bar.inputValue()
    for (const [away, back] of [
      ['Home', ']'],
      ['End', '['],
    ] as const) {
      await bar.press(away)
      await expect.poll(() => bar.inputValue()).not.toBe(marked)
      await bar.press(back)
      await expect.poll(() => bar.inputValue()).toBe(marked)
    }
    await page.keyboard.press('l')
  })

  it('saves the session to a file that a page without any server opens and plays', async () => {
    const { page, inspector } = stage
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name: /^Save this session/ }).click()
    const file = await (await saving).path()
    const [head] = readFileSync(file, 'utf8').split('\n', 1)
    expect(JSON.parse(head ?? '')).toMatchObject({ format: 1 })

    const other = await stage.another()
    await other.context.route('**/api/**', (route) => route.abort())
    await other.page.goto(inspector.url)
    await other.page.getByText('does not answer').waitFor()
    const choosing = other.page.waitForEvent('filechooser')
    await other.page.getByRole('button', { name: /^Open a session/ }).click()
    await (await choosing).setFiles(file)
    await other.page.locator('.link-state', { hasText: 'Recorded session' }).waitFor()
    await showPane(other.page, 'Tasks')
    await chooseTask(other.page, 'mail-printer')
    const replay = about(other.page).getByRole('button', { name: 'Replay' })
    expect(await replay.isDisabled()).toBe(true)
    expect(await replay.getAttribute('title')).toContain('recorded session')
    await showPane(other.page, 'Actors')
    await row(other.page, 'worker/press-b.press').dblclick()
    await waitForChart(other.page)
    await showPane(other.page, 'Plots')
    await other.page.locator('.plot canvas').first().waitFor()
    // That nobody answered is what was asked for here.
    const unexpected = other.faults.filter((fault) => !fault.includes('Failed to load resource'))
    other.faults.splice(0, other.faults.length, ...unexpected)
  })

  it('shows a session that its server has instead of a runtime', async () => {
    const { page } = stage
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name: /^Save this session/ }).click()
    const file = await (await saving).path()
    const token = 'a-token-of-this-test'
    const server = await serveRecording({ file, page: await loadPage(), port: 0, token, logger: silentLogger })
    try {
      const other = await stage.another({ origin: new URL(server.url).origin })
      await other.page.goto(server.url)
      await other.page.locator('.link-state', { hasText: 'Recorded session' }).waitFor()
      await showPane(other.page, 'Tasks')
      await chooseTask(other.page, 'mail-printer')
      await about(other.page).getByText('it failed for good').waitFor()
      // There is nothing live to go back to.
      expect(await other.page.getByRole('button', { name: 'Close, and watch live' }).count()).toBe(0)
      await other.page.close()
    } finally {
      await server.close()
    }
  })

  it('has a dark side, which is kept', async () => {
    const { page } = await stage.another()
    await openLive(page, stage.inspector.url)
    const theme = () => page.locator('html').getAttribute('data-theme')
    expect(await theme()).toBe('light')
    await page.getByRole('button', { name: 'Dark', exact: true }).click()
    await expect.poll(theme).toBe('dark')
    await page.reload()
    await expect.poll(theme).toBe('dark')
    await page.getByRole('button', { name: 'Light', exact: true }).click()
    await expect.poll(theme).toBe('light')
  })

  it('is driven by keys alone', async () => {
    const { page } = stage
    await page.locator('body').click({ position: { x: 60, y: 500 } })
    for (const [index, label] of panes.entries()) {
      await page.keyboard.press(String(index + 1))
      await page.getByRole('main', { name: label }).waitFor()
    }
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.keyboard.press(' ')
    await page.locator('.time-bar.is-past').waitFor()
    const bar = page.getByRole('slider', { name: 'Moment that is shown' })
    const at = Number(await bar.inputValue())
    for (const [key, place] of [
      [',', at - 1],
      ['.', at],
    ] as const) {
      await page.keyboard.press(key)
      await expect.poll(async () => Number(await bar.inputValue())).toBe(place)
    }
    await page.keyboard.press('l')
    await page.locator('.time-bar:not(.is-past)').waitFor()
    await page.keyboard.press('4')
    await page.keyboard.press('/')
    await page.keyboard.type('type:source')
    await expect.poll(() => page.locator('.log-row').count()).toBe(4)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await row(page, 'press-a').click()
    await about(page).waitFor()
    await page.keyboard.press('Escape')
    await about(page).waitFor({ state: 'detached' })
  })

  it('lists its keys, and takes the list away by its button or a click beside it', async () => {
    const { page } = stage
    const dialog = page.getByRole('dialog', { name: 'Keys' })
    for (const close of [() => dialog.getByRole('button', { name: 'Close' }).click(), () => page.mouse.click(5, 5)]) {
      await page.getByRole('button', { name: 'Keys (?)' }).click()
      await dialog.getByText('Go to a pane').waitFor()
      await close()
      await dialog.waitFor({ state: 'detached' })
    }
  })

  it('lists and trees are walked by keys: to both ends, by pages, in and out of folders, and what is chosen is opened', async () => {
    const { page } = stage
    const chosen = async () => (await page.locator('.vlist-row.is-selected').first().innerText()).replaceAll(/\s+/g, ' ')
    const rows = () => page.getByRole('treeitem').count()
    await showPane(page, 'Memory')
    const keys = page.getByRole('tree', { name: 'Keys' })
    await keys.press('Home')
    await expect.poll(chosen).toMatch(/^print-shop\//)
    await keys.press('ArrowLeft')
    await expect.poll(rows).toBe(1)
    await keys.press('Enter')
    await expect.poll(rows).toBeGreaterThan(1)
    for (const [key, at] of [
      ['ArrowDown', /^coordination\//],
      ['ArrowRight', /^coordination\//],
      ['ArrowDown', /^inspect/],
      ['ArrowLeft', /^coordination\//],
      ['ArrowLeft', /^coordination\//],
      ['ArrowUp', /^print-shop\//],
    ] as const) {
      await keys.press(key)
      await expect.poll(chosen).toMatch(at)
    }
    await about(page)
      .getByRole('heading', { name: `${namespace}/coordination/inspect` })
      .waitFor()

    await showPane(page, 'Actors')
    const actors = page.getByRole('tree', { name: 'Actors by process' })
    await actors.press('Home')
    const all = await rows()
    await actors.press('ArrowLeft')
    await expect.poll(rows).toBeLessThan(all)
    await actors.press('ArrowRight')
    await expect.poll(rows).toBe(all)
    await actors.press('End')
    await actors.press('Enter')
    await waitForChart(page)
    await showPane(page, 'Actors')
    await page.getByRole('button', { name: 'Table' }).click()
    await page.locator('.table-row', { hasText: 'worker/press-a.press' }).dblclick()
    await page.locator('.chart-who', { hasText: 'worker/press-a.press' }).waitFor()

    await showPane(page, 'Log')
    const log = page.getByRole('listbox', { name: 'Records, newest first' })
    const place = async () => Number((await page.locator('.about').getAttribute('aria-label'))?.replace('Record ', ''))
    await log.press('Home')
    for (const [key, isOlder] of [
      ['PageDown', true],
      ['ArrowDown', true],
      ['ArrowUp', false],
      ['PageUp', false],
    ] as const) {
      const before = await place()
      await log.press(key)
      if (isOlder) await expect.poll(place).toBeLessThan(before)
      else await expect.poll(place).toBeGreaterThan(before)
    }
    await log.press('Enter')
    await page.getByRole('button', { name: 'You are at this moment' }).waitFor()
    await page.getByRole('button', { name: 'Live' }).click()
  })

  it('parts of a pane are resized by drag and by keys, remembered, and reset by a double click', async () => {
    const { page } = stage
    await showPane(page, 'Tasks')
    await chooseTask(page, 'book')
    const bar = page.getByRole('separator')
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

    for (const pane of ['Actors', 'Log', 'Workers', 'Locks'] as const) {
      await showPane(page, pane)
      await page.locator('.vlist-row:not(.is-source)').first().click()
      const at = await percent()
      await bar.press('ArrowLeft')
      await expect.poll(percent).toBe(at + 2)
      await page.getByRole('button', { name: 'Close the details' }).click()
      await bar.waitFor({ state: 'detached' })
    }
  })
})

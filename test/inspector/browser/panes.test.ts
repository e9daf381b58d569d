/** Every pane of the page in a real browser, filled from a job of two processes: what it is there for. */
import { describe, expect, it } from 'vitest'
import { chromiumPath, hasChromium } from './chromium.ts'
import { about, chooseTask, filter, row, rowsOf, showKey, showPane, textOf, waitForChart } from './moves.ts'
import { namespace } from './print-shop.ts'
import { useStage } from './stage.ts'

const paper = `${namespace}/stock/paper`

if (!hasChromium) {
  console.error(
    `*** NOT TESTED: the inspector in a browser. There is no ${chromiumPath}: apt-get install -y chromium, or set CHROMIUM. ***`,
  )
}

describe.skipIf(!hasChromium)('the inspector in a browser', () => {
  const stage = useStage()

  it('shows the actors of all processes, as a tree that folds and as a table that sorts; filters leave what passes', async () => {
    const { page } = stage
    await showPane(page, 'Actors')
    for (const process of ['office', 'press-a', 'press-b']) await page.locator('.tree-source', { hasText: process }).waitFor()
    await row(page, 'task/cover').waitFor()
    await row(page, 'worker/press-b.desk').waitFor()

    const all = await page.locator('.vlist-row').count()
    await page.locator('.tree-row.is-source', { hasText: 'press-a' }).getByRole('button', { name: 'Fold' }).click()
    expect(await page.locator('.vlist-row').count()).toBeLessThan(all)
    await page.locator('.tree-row.is-source', { hasText: 'press-a' }).getByRole('button', { name: 'Unfold' }).click()

    await filter(page, 'kind:lock')
    await expect.poll(() => textOf(page, '.filter-count')).toMatch(/^2 of \d+$/)
    await filter(page, 'no such thing')
    await page.getByText('No actor passes the filter').waitFor()
    await page.getByRole('button', { name: 'Clear the filter' }).click()

    await page.getByRole('button', { name: 'Table' }).click()
    const addresses = await rowsOf(page, '.table-row .mono')
    expect(addresses.length).toBeGreaterThan(8)
    await page.getByRole('columnheader', { name: 'Address' }).getByRole('button').click()
    expect((await rowsOf(page, '.table-row .mono'))[0]).toBe('worker/press-b.press')
    expect(addresses[0]).toBe('batch-writer')

    await page.getByRole('checkbox', { name: 'ended' }).uncheck()
    await expect.poll(() => page.locator('.table-row.is-ended').count()).toBe(0)
    await page.getByRole('checkbox', { name: 'ended' }).check()
    await page.getByRole('button', { name: 'Dead letters' }).click()
    // Whether some event came too late for its actor is up to the machine.
    await page
      .getByText('No dead letters')
      .or(page.getByRole('grid', { name: 'Dead letters, newest first' }))
      .waitFor()
    await page.getByRole('button', { name: 'Tree' }).click()
  })

  it('lights the state of the chosen actor in its real chart, and sends it one of its next events', async () => {
    const { page, shop } = stage
    await showPane(page, 'Actors')
    await row(page, 'task/review').click()
    await about(page).getByRole('button', { name: 'Show its chart' }).click()
    await waitForChart(page)
    await page.locator('[data-node-id="task.processing"].is-lit').waitFor()
    expect(await page.locator('[data-node-id="task.pending"].is-lit').count()).toBe(0)

    await page.getByRole('button', { name: 'Larger' }).click()
    const larger = Number.parseInt(await textOf(page, '.chart-zoom-button.is-level'), 10)
    await page.locator('.chart-zoom-button.is-level').click()
    expect(Number.parseInt(await textOf(page, '.chart-zoom-button.is-level'), 10)).toBeLessThan(larger)

    await page.locator('.chart-next-edge').first().click()
    await page.locator('.chart-svg .chart-edge.is-chosen').first().waitFor()

    await page.locator('.send-type', { hasText: 'task.progress' }).click()
    await page.getByRole('textbox', { name: /^Members of task.progress/ }).fill('{ "percent": 40, "note": "page 4" ')
    expect(await page.getByRole('button', { name: 'Send', exact: true }).isDisabled()).toBe(true)
    await page.getByRole('textbox', { name: /^Members of task.progress/ }).fill('{ "percent": 40, "note": "page 4" }')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.getByText('task.progress was sent to task/review').waitFor()
    await expect
      .poll(() => shop.office.memory.get(`${namespace}/tasks/review/progress`))
      .toMatchObject({ progress: 40, status: 'page 4' })

    await page.getByRole('combobox', { name: 'Chart' }).selectOption({ label: 'lock' })
    await page.getByText('No actor is chosen: the chart alone.').waitFor()
    await page.locator('[data-node-id="lock.held"]').first().waitFor()
    expect(await page.locator('.chart-node.is-lit').count()).toBe(0)
    await page.locator('.chart-sharers .vlist-row', { hasText: 'waiting' }).click()
    await page.locator('[data-node-id="lock.waiting"].is-lit').first().waitFor()
  })

  it('draws who sent what to whom, tells of a chosen message, and leaves out what is not wanted', async () => {
    const { page } = stage
    await showPane(page, 'Actors')
    await row(page, 'task/review').click()
    await showPane(page, 'Sequence')
    await page.locator('.sequence-row.is-change').first().waitFor()
    await page.getByRole('button', { name: 'Changes' }).click()
    await expect.poll(() => page.locator('.sequence-row.is-change').count()).toBe(0)
    await page.getByRole('button', { name: 'Changes' }).click()

    await page.getByRole('button', { name: 'Only task/review' }).click()
    await page.locator('.sequence-heads', { hasText: 'review' }).waitFor()
    await page.locator('.sequence-row', { hasText: 'lease.due' }).last().click()
    await about(page).getByRole('heading', { name: 'lease.due' }).waitFor()
    await about(page).getByText('When and where').waitFor()
    await page.getByRole('button', { name: 'Only task/review' }).click()
    await page.getByRole('button', { name: 'Close the details' }).click()
  })

  it('lists every record; a chosen one is told whole, with what it changed, and is a moment to go to', async () => {
    const { page } = stage
    await showPane(page, 'Log')
    await filter(page, 'type:conflict')
    await row(page, paper.slice(namespace.length + 1)).click()
    await about(page).getByText('The values were merged').waitFor()
    for (const side of ['press-a', 'press-b']) await about(page).getByText(side).first().waitFor()

    await filter(page, 'type:transition event:task.progress address:task/review')
    await row(page, 'task.progress').click()
    await about(page).getByRole('heading', { name: 'task.progress' }).waitFor()
    await about(page).getByText('"page 4"').first().waitFor()
    await about(page).getByRole('button', { name: 'Go to this moment' }).click()
    await page.locator('.time-bar.is-past').waitFor()
    await about(page).getByRole('button', { name: 'You are at this moment' }).waitFor()
    await page.getByRole('button', { name: 'Live' }).click()
    await page.locator('.time-bar:not(.is-past)').waitFor()
    await filter(page, '')
  })

  it('shows the memory as a tree, and of a key its value, history, differences, conflict and who had seen what', async () => {
    const { page } = stage
    await showPane(page, 'Memory')
    const folder = row(page, 'sheets/')
    await folder.getByRole('button', { name: 'Open sheets' }).click()
    await row(page, 'page-9').click()
    await about(page).getByText('Revision').first().waitFor()
    await folder.getByRole('button', { name: 'Close sheets' }).click()

    await showKey(page, paper)
    await about(page).getByText('takenByA').first().waitFor()
    await about(page).getByText('Had seen').waitFor()
    await page.getByRole('button', { name: /^History/ }).click()
    await page.locator('.causality-node.is-unstored').first().waitFor()
    await page.getByText('concurrent').waitFor()
    const versions = page.locator('.version')
    expect(await versions.count()).toBeGreaterThanOrEqual(4)
    await page.locator('.differences, .difference, .about-section', { hasText: 'A5' }).first().waitFor()
    await versions.last().getByRole('radio').first().check()
    await page.locator('.about-section', { hasText: 'Difference' }).getByText('takenByA').waitFor()
    await page.locator('.causality-node:not(.is-unstored)').nth(1).click()
    await page.locator('.causality-node.is-selected').waitFor()

    // What a user's own code writes comes from no transition; a task's record does.
    await showKey(page, `${namespace}/tasks/page-1/record`)
    await versions.first().getByRole('button', { name: 'transition' }).click()
    await page.getByRole('main', { name: 'Log' }).waitFor()
    await about(page).getByText('page-1').first().waitFor()

    await showKey(page, paper)
    await page.getByRole('button', { name: /^Conflicts/ }).click()
    await page.getByText('The values were merged').first().waitFor()
    for (const side of ['press-a', 'press-b'])
      await page
        .getByRole('region', { name: `Side of ${side}` })
        .first()
        .waitFor()
    await page.getByRole('button', { name: 'Value', exact: true }).click()
  })

  it('groups the tasks, says why each is where it is, and acts on them', async () => {
    const { page, shop } = stage
    await showPane(page, 'Tasks')
    const group = (label: string) => page.getByRole('group', { name: 'Which tasks' }).getByRole('button', { name: label })
    for (const [label, count] of [
      ['Queue', '3'],
      ['Running', '2'],
      ['Backing off', '1'],
      ['Blocked', '1'],
      ['Dead letters', '1'],
    ] as const) {
      await expect.poll(() => group(label).innerText()).toMatch(new RegExp(`${count}$`))
    }
    await group('Blocked').click()
    await chooseTask(page, 'book')
    await about(page).locator('.explanation-needs', { hasText: 'cover' }).waitFor()
    await group('All').click()

    await chooseTask(page, 'mail-readers')
    await about(page).getByText('the mail server is busy').first().waitFor()
    await about(page).getByRole('button', { name: 'Retry now' }).click()
    await shop.task('mail-readers', ({ attempts }) => attempts === 2)

    await chooseTask(page, 'mail-printer')
    await about(page).getByRole('button', { name: 'Replay' }).click()
    await shop.task('mail-printer', ({ status, epoch }) => status === 'failed' && epoch > 3)

    await chooseTask(page, 'translate-welsh')
    await about(page).getByRole('button', { name: 'Cancel' }).click()
    await about(page).getByRole('button', { name: 'Keep' }).click()
    await about(page).getByRole('button', { name: 'Cancel' }).click()
    await about(page).getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click()
    await shop.task('translate-welsh', ({ status }) => status === 'cancelled')
    await about(page).getByText('cancelled').first().waitFor()
  })

  it('shows locks with holder, lease and waiters, and takes one away by force', async () => {
    const { page } = stage
    await showPane(page, 'Locks')
    const table = page.locator('.table-row', { hasText: 'cutting-table' })
    await table.getByText('press-b').waitFor()
    await table.click()
    await about(page).locator('.rows', { hasText: 'press-a' }).waitFor()
    await about(page).getByRole('button', { name: 'Release by force' }).click()
    await about(page).getByRole('alertdialog').getByRole('button', { name: 'Release by force' }).click()
    await about(page)
      .getByText(/press-b lost it at epoch 1 by force of office/)
      .waitFor()
    // Who waited has it now.
    await about(page)
      .getByText(/press-a has it at epoch \d/)
      .waitFor()
  })

  it('shows workers with heartbeat, load and tasks, and drains one', async () => {
    const { page, shop } = stage
    await showPane(page, 'Workers')
    const press = page.locator('.table-row', { hasText: 'press-a.press' })
    await press.getByText('1 of 3').waitFor()
    await press.click()
    await about(page).getByText('Heartbeat').waitFor()
    await about(page).getByRole('button', { name: 'cover' }).waitFor()
    await page.locator('.table-row', { hasText: 'press-b.desk' }).click()
    await about(page).getByRole('button', { name: 'Drain' }).click()
    await about(page).getByRole('alertdialog').getByRole('button', { name: 'Drain' }).click()
    await about(page).getByText('It is draining').waitFor()
    await stage.b.order({ do: 'complete', task: 'review', output: { verdict: 'fine' } })
    await shop.task('review', ({ status }) => status === 'completed')
    await about(page).getByText('offline').first().waitFor()
  })

  it('plots figures of all processes or of one; the cursor tells values, a click goes to that moment', async () => {
    const { page } = stage
    await showPane(page, 'Plots')
    await page.locator('.plot canvas').first().waitFor()
    expect(await page.locator('.plot').count()).toBe(10)
    const plot = page.locator('.plot', { hasText: 'Throughput' }).locator('.u-over')
    await plot.hover({ position: { x: 120, y: 40 } })
    await expect.poll(() => page.locator('.plot', { hasText: 'Actors' }).locator('.plot-value').innerText()).toMatch(/^\d+$/)
    await page.getByRole('combobox', { name: 'Process' }).selectOption({ index: 1 })
    await page.getByRole('combobox', { name: 'Process' }).selectOption({ index: 0 })
    await plot.click({ position: { x: 160, y: 40 } })
    await page.locator('.time-bar.is-past').waitFor()
    await page.getByRole('button', { name: 'Live' }).click()
  })
})

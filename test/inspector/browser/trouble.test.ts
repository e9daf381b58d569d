/** What the page in a real browser does when things go wrong: processes killed, the server gone, hostile values, no permission, no room. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from './chromium.ts'
import { about, chooseTask, dropFile, filter, openLive, panes, row, showKey, showPane, waitForChart } from './moves.ts'
import { namespace } from './print-shop.ts'
import { rareEvents, rareSession } from './rare-session.ts'
import { useStage } from './stage.ts'

describe.skipIf(!hasChromium)('the page in trouble', () => {
  const stage = useStage()

  it('shows markup in ids, values, events and failures as the text that it is', async () => {
    const { page, shop, b } = stage
    const markup = `<script>window.pwned=1</script><img src=x onerror="window.pwned=2">`
    const id = '<img src=x onerror=pwned=3>'
    await shop.office.memory.set(`${namespace}/notes/<script>alert(1)<`, { text: markup, [markup]: [markup] })
    await shop.office.memory.set(`${namespace}/notes/plain`, markup)
    await b.order({ do: 'lock', name: '<b>lock<', waitMs: 0 })
    await shop.office.submit({ id, type: 'mail', input: { says: markup }, maxAttempts: 1 })
    await shop.task(id, ({ status }) => status === 'failed')
    await showKey(page, `${namespace}/notes/plain`)
    await about(page).getByText(markup).first().waitFor()
    await showPane(page, 'Tasks')
    await page.locator('.task-id', { hasText: id }).click()
    await about(page).getByText(markup).first().waitFor()
    await about(page).getByRole('button', { name: 'Show its record' }).click()
    await showPane(page, 'Locks')
    await page.locator('.table-row', { hasText: '<b>lock<' }).click()
    await showPane(page, 'Log')
    await filter(page, 'onerror')
    await page.locator('.log-row', { hasText: 'notes/plain' }).click()
    await about(page).getByText('onerror').first().waitFor()
    await filter(page, '')
    await showPane(page, 'Sequence')
    await page.getByRole('main').locator('[data-filter]').fill('onerror')
    await page.locator('.sequence-row').first().waitFor()
    await page.getByRole('main').locator('[data-filter]').fill('')
    expect(await page.evaluate('window.pwned')).toBeUndefined()
    expect(await page.locator('main img, main script, main b').evaluateAll((found) => found.length)).toBe(0)
  })

  it('a process that is killed is lost with its actors, its task is seen being taken over, and it comes back as another', async () => {
    const { page, shop, a } = stage
    await showPane(page, 'Actors')
    await row(page, 'task/cover').waitFor()
    await a.kill()
    const lost = page.locator('.tree-row.is-source', { hasText: 'lost' })
    await lost.filter({ hasText: 'press-a' }).waitFor()
    await shop.task('book', ({ status }) => status === 'completed')

    await showPane(page, 'Tasks')
    await chooseTask(page, 'cover')
    await about(page).getByText('press-a.press lost it at epoch 1, press-b.press took it over').waitFor()
    await about(page).getByText('press-a.press lost it at epoch 1: its lease was over').waitFor()
    await page.locator('.mark.is-takeover').first().waitFor()
    // Nobody knows what it did in its last moments: that is said, not hidden.
    await page.getByRole('button', { name: /lost$/ }).click()
    await page.locator('.log-row', { hasText: 'press-a' }).first().waitFor()
    await filter(page, '')

    const again = await shop.start('press-a')
    await showPane(page, 'Actors')
    await page.locator('.tree-row.is-source:not(:has-text("lost"))', { hasText: 'press-a' }).waitFor()
    await shop.office.submit({ id: 'extra', type: 'render', input: { sheets: 1 } })
    await filter(page, 'task/extra')
    await row(page, 'completed').waitFor()
    await filter(page, '')
    expect(again.incarnation).not.toBe(a.incarnation)
  })

  it('a server that ends is missed at once; started again at its place, the page goes on and shows the gap', async () => {
    const { page, shop, inspector, faults } = stage
    const { port, searchParams } = new URL(inspector.url)
    await inspector.close()
    await page.locator('.link-state.is-bad').waitFor()
    await page.locator('.banner', { hasText: 'What you see is from' }).waitFor()
    await showPane(page, 'Tasks')
    await chooseTask(page, 'translate-czech')
    expect(await about(page).getByRole('button', { name: 'Cancel' }).getAttribute('title')).toBe('Not connected.')

    await page.getByRole('button', { name: 'Connect now' }).click()
    await page.locator('.link-state.is-bad').waitFor()
    await shop.inspect({ port: Number(port), token: searchParams.get('token') ?? '' })
    await page.locator('.link-state', { hasText: /^Live$/ }).waitFor()
    await showPane(page, 'Log')
    // The page's own: what it missed itself.
    await filter(page, 'type:gap source:page')
    await row(page, 'gap').waitFor()
    await filter(page, '')
    await shop.office.submit({ id: 'later', type: 'render', input: { sheets: 1 } })
    await showPane(page, 'Tasks')
    await page.locator('.task-id', { hasText: /^later$/ }).waitFor()
    // That nobody answered meanwhile is what this is about.
    const unexpected = faults.filter((fault) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(fault))
    faults.splice(0, faults.length, ...unexpected)
  })

  it('where nothing may be done, buttons are off and say why', async () => {
    const readOnly = await stage.shop.inspect({ allowActions: false })
    const { page } = await stage.another({ origin: new URL(readOnly.url).origin })
    try {
      await openLive(page, readOnly.url)
      await showPane(page, 'Tasks')
      await chooseTask(page, 'mail-readers')
      for (const name of ['Cancel', 'Retry now']) {
        const button = about(page).getByRole('button', { name })
        expect(await button.isDisabled()).toBe(true)
        expect(await button.getAttribute('title')).toContain('--allow-actions')
      }
      await showPane(page, 'Actors')
      await row(page, 'task/review').click()
      expect(await page.locator('.send-type').first().isDisabled()).toBe(true)
    } finally {
      await page.close()
      await readOnly.close()
    }
  })

  it('a page of another origin gets nothing, not even with a browser that is logged in', async () => {
    const { page, context, faults } = await stage.another()
    const foreign = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello</p>'))
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve))
    try {
      const { url } = stage.inspector
      await openLive(page, url)
      const other = await context.newPage()
      await other.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`)
      const { origin } = new URL(url)
      const ask = (path: string, options: string) =>
        other.evaluate(
          `fetch('${origin}${path}', ${options}).then((answer) => answer.status + answer.type, (error) => error.name)`,
        )
      expect(await ask('/api/session', "{ credentials: 'include' }")).toBe('TypeError')
      expect(await ask('/api/session', "{ credentials: 'include', mode: 'no-cors' }")).not.toMatch(/^200/)
      expect(await ask('/api/actions', "{ method: 'POST', credentials: 'include', mode: 'no-cors', body: '{}' }")).not.toMatch(
        /^200/,
      )
      await other.evaluate(`document.body.append(Object.assign(document.createElement('iframe'), { src: '${origin}/' }))`)
      await other.locator('iframe').waitFor()
      await expect.poll(() => other.frames().length).toBe(2)
      await other.frames()[1]?.waitForLoadState()
      expect(await other.frames()[1]?.content()).not.toContain('id="page"')
      faults.splice(0)
    } finally {
      foreign.close()
    }
  })

  it('takes a session that is dropped on it, tells of the trouble in it, and says what is wrong with another file', async () => {
    const { page } = await stage.another()
    const directory = mkdtempSync(join(tmpdir(), 'dropped-'))
    const dropped = async (name: string, text: string) => {
      writeFileSync(join(directory, name), text)
      await dropFile(page, join(directory, name))
    }
    try {
      await openLive(page, stage.inspector.url)
      await dropped('shopping.txt', 'milk, bread')
      await page.getByText('This file cannot be opened: line 1 is no JSON, "milk, bread"').waitFor()
      await page.locator('.banner').getByRole('button', { name: 'Close' }).click()
      await page.locator('.banner').waitFor({ state: 'detached' })
      await page.locator('.link-state', { hasText: /^Live$/ }).waitFor()

      await dropped('rare.jsonl', `${rareSession()}{"type":"of tomorrow"}\n`)
      await page.getByText('1 line is no record that this page knows.').waitFor()
      await page.locator('.banner', { hasText: 'rare.jsonl' }).waitFor()
      await page.getByRole('button', { name: 'Dead letters 2' }).click()
      await row(page, 'task/gone').click()
      await about(page).getByText('"late"').waitFor()
      for (const [badge, told] of [
        ['1 problem', 'the disk is full'],
        ['7 lost', '7 records are missing'],
      ] as const) {
        await page.getByRole('button', { name: badge }).click()
        await page.locator('.log-row', { hasText: told }).waitFor()
        expect(await page.locator('.log-row').count()).toBe(1)
      }

      await showPane(page, 'Tasks')
      await chooseTask(page, 'long')
      await page.getByRole('checkbox', { name: 'with transitions' }).check()
      const steps = page.locator('.step.is-transition')
      await steps.first().waitFor()
      expect(await steps.count()).toBeLessThan(rareEvents)
      await page.getByRole('button', { name: 'Look further back' }).click()
      await expect.poll(() => steps.count()).toBe(rareEvents)

      await page.getByRole('button', { name: 'Close, and watch live' }).click()
      await page.locator('.link-state', { hasText: /^Live$/ }).waitFor()
      await page.locator('.task-id', { hasText: 'mail-readers' }).waitFor()
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('has room in a narrow window: nothing reaches over its edge, in any pane', async () => {
    const { page } = await stage.another({ width: 600, height: 800 })
    await openLive(page, stage.inspector.url)
    for (const pane of panes) {
      await showPane(page, pane)
      await fillSide(page, pane)
      expect(await page.evaluate(tooWide), pane).toEqual([])
    }
  })
})

/** What should have room for all of its content, and has not. What is made to be scrolled sideways is none of it. */
const tooWide = `[...document.querySelectorAll(
  'html, body, .shell, .header-line, .rail, .toolbar, .time-bar, main, .split, .split-main, .split-side, .pane-side, .about-head, .about-actions, .facts, .plots, .table',
)].filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className || each.tagName)`

/** With something chosen it is narrower still. */
async function fillSide(page: Page, pane: (typeof panes)[number]): Promise<void> {
  switch (pane) {
    case 'Chart':
      return waitForChart(page)
    case 'Plots':
      return page.locator('.plot canvas').first().waitFor()
    case 'Memory':
      return showKey(page, `${namespace}/stock/paper`)
    case 'Actors':
    case 'Log':
    case 'Tasks':
    case 'Workers':
    case 'Locks':
      await page.locator('.vlist-row:not(.is-source)').first().click()
      return about(page).first().waitFor()
    case 'Sequence':
      await page.locator('.sequence-row').first().waitFor()
  }
}

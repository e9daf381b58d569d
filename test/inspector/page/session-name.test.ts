/** Whose session the header and the browser's tab name. */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/inspector/page/create-app.ts'
import { namespaceOf, pageTitle } from '../../../src/inspector/page/session-name.ts'
import { FakeBrowser, settled } from './fake-browser.ts'
import { actor, source } from './model/records.ts'

async function opened(...records: readonly object[]) {
  const browser = new FakeBrowser()
  const app = createApp(browser)
  const lines = [{ format: 1, product: 'memory-sync', exportedAtMs: 1 }, ...records].map((line) => `${JSON.stringify(line)}\n`)
  const chunks = async function* () {
    yield new TextEncoder().encode(lines.join(''))
  }
  const reading = app.openSession('some.jsonl', chunks())
  for (let turn = 0; turn < 20; turn++) {
    browser.pass(1)
    browser.frame()
    await settled()
  }
  await reading
  return { browser, app }
}

describe('the namespace of what is shown', () => {
  it('is that of the records, also before the moment that told it', async () => {
    const { app, browser } = await opened(source({ namespace: 'shop' }), actor('task/1'))
    expect(app.state.value.actors.size).toBe(1)
    expect(namespaceOf(app)).toBe('shop')
    app.position.value = 0
    browser.frame()
    expect(app.state.value.namespace).toBe('')
    expect(namespaceOf(app)).toBe('shop')
    app.close()
  })

  it('is unknown until somebody has said it', () => {
    const app = createApp(new FakeBrowser())
    expect(namespaceOf(app)).toBe('')
    app.close()
  })
})

describe('the title of the page', () => {
  it('begins with what tells one tab from another', () => {
    expect(pageTitle('shop')).toBe('shop – memory-sync inspector')
    expect(pageTitle('')).toBe('memory-sync inspector')
  })
})

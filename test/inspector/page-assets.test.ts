import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadPage, type Page, pageOf } from '../../src/inspector/page-assets.ts'

describe('the page, built from its sources', () => {
  let page: Page
  const text = (path: string): string => Buffer.from(page.get(path)?.bytes ?? []).toString()
  beforeAll(async () => {
    page = await loadPage()
  })

  it('has nothing inline and nothing from elsewhere: its policy would let none of it run', () => {
    const html = text('/index.html')
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:/i)
    const used = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '')
    expect(used.length).toBeGreaterThanOrEqual(2)
    for (const url of used) expect(page.has(new URL(url, 'http://page/').pathname), url).toBe(true)
    for (const [path, { type }] of page) {
      if (type.startsWith('text/css')) expect(text(path), path).not.toMatch(/@import|url\(\s*["']?(?:https?:)?\/\//)
    }
  })

  it('is built for users, whatever the environment of who builds it', () => {
    for (const [path, { type }] of page) {
      if (type.startsWith('text/javascript')) expect(/fileName:|jsxDEV|lineNumber:\d/.test(text(path)), path).toBe(false)
    }
  })

  it('needs no code made of text, which its policy forbids', () => {
    for (const [path, { type }] of page) {
      if (!type.startsWith('text/javascript') || path.includes('elk-worker')) continue
      expect(/\bnew Function\(|\beval\(/.test(text(path)), path).toBe(false)
    }
  })

  it('makes no markup of text anywhere in its sources', () => {
    const top = new URL('../../src/inspector/page/', import.meta.url)
    const sources = readdirSync(top, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name))
    expect(sources.length).toBeGreaterThan(20)
    for (const name of sources) {
      const source = readFileSync(new URL(name, top), 'utf8')
      expect(/innerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc/i.test(source), name).toBe(false)
    }
  })

  it('names its files by their content, and has no source maps', () => {
    const assets = [...page.keys()].filter((path) => path.startsWith('/assets/'))
    for (const path of assets) expect(path).toMatch(/^\/assets\/[\w.-]+-[\w-]{8}\.\w+$/)
    expect([...page.keys()].some((path) => path.endsWith('.map'))).toBe(false)
  })

  it('has the engine of the charts as a worker’s file, and the licences of all that is in it', () => {
    expect([...page.keys()].some((path) => /elk-worker/.test(path))).toBe(true)
    const notices = text('/THIRD-PARTY-NOTICES.txt')
    for (const name of ['elkjs', 'preact', '@preact/signals', 'uplot']) {
      expect(notices).toMatch(new RegExp(`^${name.replace('/', '\\/')} \\d+\\.\\d+\\.\\d+ \\(`, 'm'))
    }
    expect(notices).toContain('Eclipse Public License - v 2.0')
    expect(notices).toContain('https://www.npmjs.com/package/elkjs/v/')
  })

  it('is built once', async () => {
    expect(await loadPage()).toBe(page)
  })
})

describe('a page that was not built', () => {
  it('is told with what to do', () => {
    expect(() => pageOf([])).toThrow(
      expect.objectContaining({ code: 'not_supported', message: expect.stringContaining('npm run build') }),
    )
  })
})

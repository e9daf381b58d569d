/** The pure parts of the page's shell: texts, windows of lists, order of rows, values as lines, keys, colours. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ActorNode, SourceActors } from '../../../src/inspector/page/model/selectors.ts'
import type { ActorView, SourceView } from '../../../src/inspector/page/model/session-state.ts'
import { actorRows, sourceKey } from '../../../src/inspector/page/panes/actor-rows.ts'
import { recordText, toneOfRecord } from '../../../src/inspector/page/panes/record-text.ts'
import { shellCommand } from '../../../src/inspector/page/shortcuts.ts'
import { agoText, bytesText, clockText, countOf, countText, spanText } from '../../../src/inspector/page/ui/format.ts'
import {
  type Folding,
  jsonLines,
  linesMax,
  membersShown,
  openMembersMax,
  textShown,
} from '../../../src/inspector/page/ui/json-lines.ts'
import { parsePayload } from '../../../src/inspector/page/ui/payload.ts'
import { nextSort, sortedRows } from '../../../src/inspector/page/ui/sorted-rows.ts'
import { stateText, toneOf } from '../../../src/inspector/page/ui/state-text.ts'
import { indexAfterKey, overscanRows, scrollToShow, windowOf } from '../../../src/inspector/page/ui/virtual-window.ts'

describe('numbers and moments', () => {
  it.each([
    [0, '0 ms'],
    [0.42, '0.4 ms'],
    [38, '38 ms'],
    [999.4, '999 ms'],
    [4200, '4.2 s'],
    [59_900, '59.9 s'],
    [59_960, '1 min 00 s'],
    [187_000, '3 min 07 s'],
    [7_500_000, '2 h 05 min'],
    [273_600_000, '3 d 4 h'],
    [-1500, '−1.5 s'],
  ])('writes a span of %s ms as %s', (ms, text) => expect(spanText(ms)).toBe(text))

  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [1023.6, '1.0 kB'],
    [18_234, '17.8 kB'],
    [1024 * 1024 * 1.5, '1.5 MB'],
    [5e12, '4656.6 GB'],
  ])('writes %s bytes as %s', (bytes, text) => expect(bytesText(bytes)).toBe(text))

  it('writes counts, ages and times of day', () => {
    expect(countText(1234567)).toBe('1\u202f234\u202f567')
    expect([countOf(1, 'actor'), countOf(0, 'actor'), countOf(2, 'entry', 'entries')]).toEqual([
      '1 actor',
      '0 actors',
      '2 entries',
    ])
    expect([900, 4000, 200_000, 7_300_000, 200_000_000].map(agoText)).toEqual([
      'now',
      '4 s ago',
      '3 min ago',
      '2 h ago',
      '2 d ago',
    ])
    expect(clockText(new Date(2025, 0, 2, 3, 4, 5, 67).getTime())).toBe('03:04:05.067')
  })
})

describe('states', () => {
  it.each([
    ['processing', 'processing', 'active'],
    [null, '–', 'plain'],
    [{ loading: 'retrying' }, 'loading.retrying', 'waiting'],
    [{ upload: 'failed', network: 'online' }, 'upload.failed + network.online', 'bad'],
    [{ a: { b: 'completed' }, c: {} }, 'a.b.completed + c', 'good'],
    ['constructor', 'constructor', 'plain'],
  ])('writes %j as %s', (state, text, tone) => {
    expect(stateText(state)).toBe(text)
    expect(toneOf(state)).toBe(tone)
  })
})

describe('long lists', () => {
  it('draws what is visible and a little beyond, and nothing outside of the list', () => {
    expect(windowOf(1000, 20, 2000, 400)).toEqual({ first: 100 - overscanRows, end: 120 + overscanRows })
    expect(windowOf(5, 20, 0, 400)).toEqual({ first: 0, end: 5 })
    expect(windowOf(0, 20, 0, 400)).toEqual({ first: 0, end: 0 })
    // The list became shorter than what it is scrolled to.
    expect(windowOf(3, 20, 9000, 400)).toEqual({ first: 2, end: 3 })
  })

  it('scrolls the least that shows a row', () => {
    expect(scrollToShow(3, 20, 200, 100)).toBe(60)
    expect(scrollToShow(12, 20, 200, 100)).toBe(200)
    expect(scrollToShow(30, 20, 200, 100)).toBe(520)
  })

  it('moves by keys and stops at both ends', () => {
    expect(indexAfterKey('ArrowDown', -1, 10, 5)).toBe(0)
    expect(indexAfterKey('ArrowDown', 9, 10, 5)).toBe(9)
    expect(indexAfterKey('ArrowUp', 0, 10, 5)).toBe(0)
    expect(indexAfterKey('PageDown', 2, 10, 5)).toBe(7)
    expect(indexAfterKey('PageUp', 2, 10, 5)).toBe(0)
    expect(indexAfterKey('End', 2, 10, 5)).toBe(9)
    expect(indexAfterKey('Home', 2, 10, 5)).toBe(0)
    expect(indexAfterKey('x', 2, 10, 5)).toBe(null)
    expect(indexAfterKey('End', -1, 0, 5)).toBe(null)
  })

  it('sorts by a column, those without a value last, equal ones always the same way', () => {
    const rows = [
      { key: 'b', n: 1 },
      { key: 'c', n: null },
      { key: 'a', n: 1 },
      { key: 'd', n: 7 },
    ]
    const order = (descending: boolean) =>
      sortedRows(
        rows,
        { key: 'n', descending },
        (row) => row.n,
        (row) => row.key,
      )
        .map((row) => row.key)
        .join('')
    expect(order(false)).toBe('abdc')
    expect(order(true)).toBe('dabc')
    expect(sortedRows(rows, null, undefined, (row) => row.key)).toBe(rows)
  })
})

describe('a header that is clicked', () => {
  const clicks = (keys: string[], own: Parameters<typeof nextSort>[2]) =>
    keys.reduce((shown, key) => nextSort(shown, key, own), own)

  it('sorts, sorts the other way round, and gives the table’s own order back', () => {
    expect(clicks(['n'], null)).toEqual({ key: 'n', descending: false })
    expect(clicks(['n', 'n'], null)).toEqual({ key: 'n', descending: true })
    expect(clicks(['n', 'n', 'n'], null)).toBe(null)
    expect(clicks(['n', 'n', 'm'], null)).toEqual({ key: 'm', descending: false })
  })

  it('changes the order with every click, also of the column that the table is sorted by itself', () => {
    const own = { key: 'last', descending: true }
    expect(clicks(['n', 'n', 'n'], own)).toBe(own)
    expect(clicks(['last'], own)).toEqual({ key: 'last', descending: false })
    expect(clicks(['last', 'last'], own)).toEqual(own)
    expect(clicks(['last', 'last', 'last'], own)).toEqual({ key: 'last', descending: false })
  })
})

describe('a value as lines', () => {
  const folding: Folding = { turned: new Set(), shown: new Map(), whole: new Set(), openDepth: 2 }
  const lines = (value: unknown, more: Partial<Folding> = {}) => jsonLines(value, { ...folding, ...more })

  it('is open to its depth, and folded below with its first members named', () => {
    const value = { a: 1, b: { c: { d: 'x', e: [1, 2] } } }
    expect(lines(value).map((line) => `${'  '.repeat(line.depth)}${line.name ?? ''}`)).toEqual(['', '  a', '  b', '    c'])
    expect(lines(value).at(-1)).toMatchObject({ type: 'open', isOpen: false, summary: 'd: "x", e' })
    expect(lines(value, { turned: new Set(['$/b/c']) }).map(({ name }) => name)).toEqual([null, 'a', 'b', 'c', 'd', 'e'])
  })

  it('says what was cut and what was redacted, and gives markup as text', () => {
    expect(lines({ $cut: 18_234, text: '{"a' })).toMatchObject([{ type: 'cut', cut: { $cut: 18_234 } }])
    expect(lines('[redacted]')).toMatchObject([{ type: 'plain', of: 'redacted' }])
    expect(lines('<script>')).toMatchObject([{ type: 'text', text: '<script>' }])
  })

  it('folds long texts, long arrays and large objects', () => {
    const text = 'x'.repeat(textShown + 5)
    expect(lines(text)).toMatchObject([{ type: 'text', hidden: 5, text: 'x'.repeat(textShown) }])
    expect(lines(text, { whole: new Set(['$']) })).toMatchObject([{ hidden: 0, text }])
    const many = Array.from({ length: membersShown + 50 }, (_, index) => index)
    expect(lines(many)).toMatchObject([{ type: 'open', isOpen: false, summary: `${membersShown + 50} items` }])
    const open = lines(many, { turned: new Set(['$']) })
    expect(open).toHaveLength(1 + membersShown + 1)
    expect(open.at(-1)).toMatchObject({ type: 'more', left: 50, of: '$' })
    expect(lines(many, { turned: new Set(['$']), shown: new Map([['$', 200]]) })).toHaveLength(1 + membersShown + 50)
    expect(lines(many.slice(0, openMembersMax))).toHaveLength(1 + openMembersMax)
  })

  it('never gives two lines one path, nor more lines than its bound', () => {
    const value = { 'a/b': 1, a: { b: 2 }, 'a~1b': 3, '': 4 }
    const paths = lines(value).map(({ path }) => path)
    expect(new Set(paths).size).toBe(paths.length)
    const wide = Array.from({ length: 90 }, () => Array.from({ length: 90 }, () => 1))
    const all = new Set(['$', ...wide.map((_, index) => `$/${index}`)])
    expect(lines(wide, { turned: all, openDepth: 0 }).length).toBeLessThanOrEqual(linesMax)
    let deep: unknown = Array.from({ length: 2 * linesMax }, () => 1)
    const shown = new Map<string, number>()
    const open = new Set<string>()
    let path = '$'
    for (let depth = 0; depth < 20; depth++) {
      deep = [deep, ...Array.from({ length: 2 * membersShown }, () => 1)]
      open.add(path)
      path += '/0'
    }
    open.add(path)
    shown.set(path, 2 * linesMax)
    expect(lines(deep, { turned: open, openDepth: 0, shown }).length).toBeLessThanOrEqual(linesMax)
  })
})

describe('an event’s members, typed by hand', () => {
  it.each([
    ['', {}],
    [' {"a": [1]} ', { a: [1] }],
  ])('takes %j', (text, members) => expect(parsePayload(text)).toEqual({ ok: true, members }))
  it.each(['[1]', '1', 'null', '{a:1}', '{"type":"xstate.stop"}'])('refuses %s and says why', (text) => {
    const payload = parsePayload(text)
    expect(payload.ok).toBe(false)
    expect((payload as { fault: string }).fault.length).toBeGreaterThan(10)
  })
})

describe('keys', () => {
  const press = (key: string, where: 'text' | 'button' | 'other' = 'other', modifiers = {}) =>
    shellCommand({ key, ctrlKey: false, altKey: false, metaKey: false, ...modifiers }, where)

  it('do what the list of keys says', () => {
    expect(press('3')).toEqual({ type: 'pane', index: 2 })
    expect(['/', '?', 'Escape', ' ', 'l'].map((key) => press(key)?.type)).toEqual(['filter', 'help', 'close', 'pause', 'live'])
    expect([press(','), press('.')]).toEqual([
      { type: 'step', by: -1 },
      { type: 'step', by: 1 },
    ])
  })

  it('are left alone in text fields, on buttons where they press them, and with Ctrl', () => {
    for (const key of ['3', '/', '?', ' ', 'l', '.']) expect(press(key, 'text')).toBe(null)
    expect(press(' ', 'button')).toBe(null)
    expect(press('4', 'button')).toEqual({ type: 'pane', index: 3 })
    expect(press('l', 'other', { ctrlKey: true })).toBe(null)
    expect(press('0')).toBe(null)
  })
})

describe('the actors’ tree as lines', () => {
  const view = (address: string, status: ActorView['status'] = 'active') =>
    ({ id: `a|${address}`, address, status }) as unknown as ActorView
  const node = (address: string, children: ActorNode[] = [], status: ActorView['status'] = 'active'): ActorNode => ({
    actor: view(address, status),
    depth: 0,
    children,
  })
  const source = { source: 'a' } as unknown as SourceView
  const tree: SourceActors[] = [
    { source, count: 4, roots: [node('done', [], 'done'), node('worker', [node('task/1'), node('task/2')])] },
  ]
  const shown = (options: Partial<Parameters<typeof actorRows>[1]> = {}) =>
    actorRows(tree, { accepts: null, folded: new Set(), ...options }).map((row) =>
      row.type === 'source' ? `${row.count}` : `${'-'.repeat(row.depth)}${row.actor.address}`,
    )

  it('shows those that live first', () => expect(shown()).toEqual(['4', '-worker', '--task/1', '--task/2', '-done']))

  it('hides what is below a folded one, and counts it all the same', () => {
    expect(shown({ folded: new Set(['a|worker']) })).toEqual(['4', '-worker', '-done'])
    expect(shown({ folded: new Set([sourceKey('a')]) })).toEqual(['4'])
  })

  it('keeps the way to an actor that passes the filter, and nothing else', () => {
    const accepts = (actor: ActorView) => actor.address === 'task/2'
    expect(shown({ accepts })).toEqual(['1', '-worker', '--task/2'])
    expect(shown({ accepts, folded: new Set(['a|worker']) })).toEqual(['1', '-worker'])
    expect(shown({ accepts: () => false })).toEqual([])
  })
})

describe('records in one line', () => {
  it('tell an event with where it led, and one that meant nothing', () => {
    const transition = {
      type: 'transition',
      source: 'a',
      seq: 1,
      atMs: 0,
      address: 'task/1',
      event: { type: 'task.complete' },
      sender: 'worker/a',
      from: 'processing',
      to: 'settling',
      edges: ['task.processing#1'],
      actions: [],
      writes: [],
      status: 'active',
      mailbox: 0,
      durationMs: 1,
    } as const
    expect(recordText(transition)).toEqual({
      subject: 'task/1',
      news: 'task.complete',
      text: 'processing → settling, sent by worker/a',
    })
    expect(recordText({ ...transition, to: 'processing', edges: [], sender: null }).text).toBe('processing, ignored')
    expect(toneOfRecord({ ...transition, status: 'error' })).toBe('bad')
  })
})

describe('colours', () => {
  const css = readFileSync(new URL('../../../src/inspector/page/styles/tokens.css', import.meta.url), 'utf8')
  const themes = [...css.matchAll(/(:root[^{]*)\{([^}]*)\}/g)].map(([, selector = '', body = '']) => ({
    name: selector.includes('dark') ? 'dark' : 'light',
    colours: new Map([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value])),
  }))
  const grounds = ['surface', 'surface-frame', 'surface-hover', 'surface-selected']
  const texts = ['ink', 'ink-soft', 'ink-faint', 'accent', 'active', 'waiting', 'rest', 'good', 'bad']
  const kinds = ['task', 'worker', 'lock', 'batch-writer', 'sync', 'other'].map((kind) => `kind-${kind}`)
  const pairs = [
    ...[...texts, ...kinds].flatMap((text) => grounds.map((ground) => [text, ground, 4.5] as const)),
    ...['active', 'waiting', 'rest', 'good', 'bad', 'accent'].map((tone) => [tone, `${tone}-soft`, 4.5] as const),
    ['on-accent', 'accent', 4.5] as const,
    ...[1, 2, 3, 4, 5, 6].map((n) => [`series-${n}`, 'surface', 3] as const),
    ['line-strong', 'surface', 3] as const,
  ]

  it('are named in both themes alike', () => {
    expect(themes.map(({ name }) => name)).toEqual(['light', 'dark'])
    expect([...(themes[0]?.colours.keys() ?? [])].sort()).toEqual([...(themes[1]?.colours.keys() ?? [])].sort())
  })

  it.each(themes)('of the $name theme can be read on everything that they stand on', ({ colours }) => {
    const low = pairs
      .map(([text, ground, least]) => ({ text, ground, least, ratio: contrast(colours.get(text), colours.get(ground)) }))
      .filter(({ ratio, least }) => !(ratio >= least))
    expect(low).toEqual([])
  })
})

/** As WCAG 2 defines it; NaN for a colour that is missing. */
function contrast(a = '', b = ''): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

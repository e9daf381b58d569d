import { describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { taskMachine } from '../../machines/task.ts'
import { readChart } from '../../src/trace/chart-reader.ts'
import type { ChartNode } from '../../src/wire/chart-definition.ts'
import { mermaidChart } from '../../src/wire/mermaid-chart.ts'
import { labelCharactersMax, mermaidLabel } from '../../src/wire/mermaid-text.ts'

const order = createMachine({
  id: 'order',
  initial: 'open',
  on: { 'order.cancel': '.cancelled' },
  states: {
    open: {
      initial: 'cart',
      states: { cart: { on: { 'order.pay': '#order.shipping' } }, back: { type: 'history', history: 'deep' } },
    },
    shipping: {
      type: 'parallel',
      states: {
        parcel: { initial: 'packed', states: { packed: { on: { sent: 'gone' } }, gone: { type: 'final' } } },
        letter: { initial: 'written', states: { written: { on: { 'note.add': { actions: 'note' } } } } },
      },
      onDone: 'done',
    },
    cancelled: { on: { 'order.reopen': 'open.back' } },
    done: { type: 'final' },
  },
})

function nodesOf(node: ChartNode): ChartNode[] {
  return [node, ...node.states.flatMap(nodesOf)]
}

/** What the diagram calls a state, by the title in its declaration. */
function nameIn(text: string, title: string): string {
  const [, name] = new RegExp(`state "${title}" as (s\\d+)`).exec(text) ?? []
  if (name === undefined) throw new Error(`no state "${title}" in:\n${text}`)
  return name
}

describe('a chart as Mermaid', () => {
  it.each([taskMachine, order])('has every state and every edge', (machine) => {
    const { root } = readChart(machine)
    const text = mermaidChart({ id: machine.id, root })
    const nodes = nodesOf(root)
    const isFramed = text.includes(`state "${root.key}" as s0`)
    expect(text.match(/^ *state "/gm)).toHaveLength(nodes.length - (isFramed ? 0 : 1))
    const arrows = nodes.flatMap(({ edges }) => edges.flatMap(({ targets }) => targets))
    expect(text.match(/^ *s\d+ --> s\d+ : /gm) ?? []).toHaveLength(arrows.length)
    const finals = nodes.filter(({ type }) => type === 'final')
    expect(text.match(/^ *s\d+ --> \[\*\]$/gm) ?? []).toHaveLength(finals.length)
  })

  it('writes an arrow between two states of one inside of that, and others where no state is taken for part of another', () => {
    const text = mermaidChart(readChart(order))
    const [packed, gone] = [nameIn(text, 'packed'), nameIn(text, 'gone')]
    const parcel = text.slice(text.indexOf(`as ${nameIn(text, 'parcel')} {`), text.indexOf('--\n'))
    expect(parcel).toContain(`${packed} --> ${gone} : sent`)
    expect(text).toMatch(new RegExp(`^ {2}${nameIn(text, 'cart')} --> ${nameIn(text, 'shipping')} : order.pay$`, 'm'))
  })

  it('separates what is parallel, marks history, and says in words what has no arrow', () => {
    const text = mermaidChart(readChart(order))
    expect(text.match(/^ *--$/gm)).toHaveLength(1)
    expect(text).toContain('state "H#42;" as')
    expect(text).toContain(`${nameIn(text, 'written')} : note.add / note`)
  })

  it('lets no key, event or action of a chart become syntax', () => {
    const hostile = 'a"; }\n[*] --> s1 : %%{init}%% <script>'
    const text = mermaidChart(
      readChart(createMachine({ id: 'x', initial: hostile, states: { [hostile]: { on: { [hostile]: {} } } } })),
    )
    expect(text.split('\n')).toHaveLength(4)
    for (const part of ['<', '%%', '{init', '"; }']) expect(text).not.toContain(part)
  })
})

describe('a label', () => {
  it('keeps what people write and codes what parsers read', () => {
    expect(mermaidLabel('task.retry [isRetriable] / größer 1')).toBe('task.retry [isRetriable] / größer 1')
    expect(mermaidLabel('a:b;c#d"e<f>')).toBe('a#58;b#59;c#35;d#34;e#60;f#62;')
    expect(mermaidLabel('\n')).toBe('#10;')
    expect(mermaidLabel('')).toBe('(empty)')
  })

  it('has an end', () => {
    expect(mermaidLabel('x'.repeat(5000))).toHaveLength(labelCharactersMax)
  })
})

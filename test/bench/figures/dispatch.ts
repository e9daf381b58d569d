/** Changes on their way to subscribers: the cost must follow the hits, not the number of subscriptions. */
import { Qlobber } from 'qlobber'
import type { Stored } from '../../../src/ports/store.ts'
import { Subscriptions } from '../../../src/runtime/subscriptions.ts'
import type { RunFigure } from '../figure.ts'
import { ratioRow, row } from '../figure.ts'
import { alternate } from '../rounds.ts'
import { entryOf } from '../runtimes.ts'

const fewPatterns = 10
/** Each write of `sizes` stands for so many changes. */
const changesPerWrite = 4
/** With tiny sizes the set-up would be all there is. */
const patternsPerWrite = 2

export const dispatch: RunFigure = async (sizes) => {
  const many = sizes.writes * patternsPerWrite
  const total = sizes.writes * changesPerWrite
  // Keys that the few patterns match too: every change has the same hits on all sides.
  const changes = Array.from({ length: fewPatterns }, (_, index): Stored => {
    return { key: keyOf(index), entry: entryOf(1, index), revision: index + 1 }
  })
  let hits = 0
  const listener = (): void => {
    hits++
  }
  const subscribed = (count: number): Subscriptions => {
    const subscriptions = new Subscriptions((error) => {
      throw error
    })
    for (let index = 0; index < count; index++) subscriptions.add(patternOf(index), listener)
    return subscriptions
  }
  const few = subscribed(fewPatterns)
  const all = subscribed(many)
  const qlobber = new Qlobber<(change: Stored) => void>({ separator: '/', wildcard_one: '*', wildcard_some: '**' })
  for (let index = 0; index < many; index++) qlobber.add(patternOf(index), listener)
  const rate = (give: (change: Stored) => void): number => {
    hits = 0
    const startMs = performance.now()
    for (let index = 0; index < total; index++) give(changes[index % fewPatterns] as Stored)
    const perSecond = total / ((performance.now() - startMs) / 1000)
    if (hits !== total) throw new Error(`${total} changes had ${hits} hits instead of one each`)
    return perSecond
  }
  const bySize = await alternate(sizes, {
    baseline: async () => rate((change) => few.dispatch(change)),
    ours: async () => rate((change) => all.dispatch(change)),
  })
  const byLibrary = await alternate(sizes, {
    baseline: async () =>
      rate((change) => {
        for (const listen of qlobber.match(change.key)) listen(change)
      }),
    ours: async () => rate((change) => all.dispatch(change)),
  })
  return {
    rows: [
      row(`${fewPatterns} patterns: changes dispatched`, '/s', bySize.baseline),
      row(`${many} patterns: changes dispatched`, '/s', bySize.ours),
      ratioRow(`${many} patterns / ${fewPatterns} patterns`, bySize.ours, bySize.baseline, { atLeast: 0.5 }),
      row(`qlobber with ${many} patterns: matched and called`, '/s', byLibrary.baseline),
      ratioRow('dispatch / qlobber', byLibrary.ours, byLibrary.baseline, { atLeast: 1 }),
    ],
    notes: [
      'Patterns such as "bench/tasks/17/*" and "bench/tasks/*/agents/17" by turns; every change has one subscriber, which only counts.',
      'qlobber only matches: its callbacks are called without a guard against what they throw and without a way to end one.',
    ],
  }
}

function patternOf(index: number): string {
  return index % 2 === 0 ? `bench/tasks/${index}/*` : `bench/tasks/*/agents/${index}`
}

/** Matched by the pattern of this index and by no other. */
function keyOf(index: number): string {
  return index % 2 === 0 ? `bench/tasks/${index}/state` : `bench/tasks/t/agents/${index}`
}

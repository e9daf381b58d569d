import { describe, expect, it } from 'vitest'
import { queryTermsMax } from '../../../../src/inspector/page/model/query.ts'
import { matchesActor, matchesRecord, parseQuery } from '../../../../src/inspector/page/model/selectors.ts'
import type { TraceRecord } from '../../../../src/wire/trace-record.ts'
import { actor, change, ended, entry, folded, gap, metrics, source, transition } from './records.ts'

const view = folded(
  source(),
  actor('task/order 42', { chartId: 'task', parent: 'runtime', state: { processing: { waiting: 'for-reply' } } }),
).actors.get('p|task/order 42')

function fitsActor(text: string): boolean {
  if (view === undefined) throw new Error('the actor is missing')
  return matchesActor(parseQuery(text), view)
}

describe('a query for actors', () => {
  it.each([
    '',
    '   ',
    'kind:task',
    'KIND:Task',
    'kind:lock,task',
    'kind:"task"',
    'address:42',
    'address:"order 42"',
    '"order 42"',
    'order 42',
    'ORDER',
    'state:processing',
    'state:waiting',
    'state:for-reply',
    'state:processing.waiting',
    'status:active',
    'chart:task',
    'source:p',
    'parent:run',
    '-kind:lock',
    '-state:idle kind:task',
    'kind:',
    'kind:task state:',
  ])('fits: %s', (text) => expect(fitsActor(text)).toBe(true))

  it.each([
    'kind:tas',
    'state:process',
    'state:idle',
    '-kind:task',
    '-order',
    'kind:task status:done',
    'type:transition',
    'key:order',
    'address:43',
    '"42 order"',
    'order.42',
    'kind:lock,worker',
  ])('does not fit: %s', (text) => expect(fitsActor(text)).toBe(false))
})

describe('a query for records', () => {
  const moved = transition('task/1', {
    source: 'worker-a',
    event: { type: 'task.fail', error: 'Out of Memory' },
    sender: 'worker/a',
    from: 'processing',
    to: 'settling',
    writes: [{ key: 'ns/tasks/1/record', value: { retries: 3 } }],
  })
  const changed = change('ns/tasks/1/record', 7, { text: 'a' }, { entry: entry({ text: 'a' }, { workerId: 'worker-b' }) })

  it.each<[string, TraceRecord]>([
    ['type:transition', moved],
    ['kind:task', moved],
    ['event:fail', moved],
    ['sender:worker', moved],
    ['state:processing', moved],
    ['state:settling', moved],
    ['key:tasks/1', moved],
    ['"out of memory"', moved],
    ['retries', moved],
    ['3', moved],
    ['status:active source:worker-a', moved],
    ['-type:metrics,gap', moved],
    ['key:tasks/1 type:change', changed],
    ['writer:worker-b', changed],
    ['type:gap', gap()],
    ['status:crashed', ended('a', { how: 'crashed' })],
    ['chart:task parent:run state:idle', actor('task/1', { chartId: 'task', parent: 'runtime' })],
  ])('fits: %s', (text, record) => expect(matchesRecord(parseQuery(text), record)).toBe(true))

  it.each<[string, TraceRecord]>([
    ['type:change', moved],
    ['event:complete', moved],
    ['memory out', changed],
    ['key:tasks', gap()],
    ['kind:task', metrics()],
    ['writer:worker', moved],
    ['-fail', moved],
  ])('does not fit: %s', (text, record) => expect(matchesRecord(parseQuery(text), record)).toBe(false))
})

describe('reading a query', () => {
  it('takes what it does not know as words, and names it', () => {
    const query = parseQuery('knid:task http://x kind:task')
    expect(query.unknownFields).toEqual(['knid', 'http'])
    expect(query.terms.map(({ field }) => field)).toEqual([null, null, 'kind'])
    expect(matchesRecord(parseQuery('http://x'), actor('a', { context: 'see HTTP://X/y' }))).toBe(true)
  })

  it('takes signs of patterns as they stand', () => {
    const record = actor('a', { context: 'a.*(b)[c]\\d+$^|{2}/-' })
    for (const text of ['.*(b)', '[c]\\d+', '$^|{2}', '/-']) expect(matchesRecord(parseQuery(text), record), text).toBe(true)
    expect(matchesRecord(parseQuery('a..(b)'), record)).toBe(false)
  })

  it('understands every text, and is bounded', () => {
    for (const text of ['"', '-', ':', '""', '-"', 'kind:"a', '::', 'a"b c"d', '-kind:'])
      expect(() => parseQuery(text)).not.toThrow()
    expect(parseQuery('"half typed').terms[0]?.patterns[0]?.source).toBe('half typed')
    expect(parseQuery('a '.repeat(500)).terms).toHaveLength(queryTermsMax)
  })
})

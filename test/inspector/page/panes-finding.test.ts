/** What helps to find a thing among many: words and groups of tasks, hints at filters, names cut in the middle. And its progress. */
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../src/domain/json.ts'
import type { TaskRecord } from '../../../src/domain/task-record.ts'
import { actorFields, parseQuery, queryFields, type TaskRow, tasksOf } from '../../../src/inspector/page/model/selectors.ts'
import { queryHint } from '../../../src/inspector/page/panes/query-hint.ts'
import { taskGroups } from '../../../src/inspector/page/panes/task-groups.ts'
import { progressOf } from '../../../src/inspector/page/panes/task-progress.ts'
import { inputCharsMax, taskText } from '../../../src/inspector/page/panes/task-text.ts'
import { rowsWithWords } from '../../../src/inspector/page/panes/words.ts'
import { middleCut, middleParts, tailChars } from '../../../src/inspector/page/ui/middle-parts.ts'
import { change, folded, memory } from './model/records.ts'
import { submitted } from './submitted-task.ts'

function rowOf(given: Partial<TaskRecord>): TaskRow {
  const record = { ...submitted, ...given }
  const row = tasksOf(folded(memory(), change('ns/tasks/job/record', 1, record as unknown as Json)), 5000).byId.get('job')
  if (row === undefined) throw new Error('the task is missing')
  return row
}

describe('the words of a task', () => {
  const finds = (text: string, given: Partial<TaskRecord>) => rowsWithWords([rowOf(given)], text, taskText).length === 1
  const input = { file: { path: 'src/Chapter-7.md' }, pages: [12, true, null], note: 'a "quoted" word' }

  it.each(['job', 'RENDER', 'ready', 'chapter-7.md', 'pages 12', 'true', '"quoted"', 'ready chapter'])('have %s', (text) =>
    expect(finds(text, { input })).toBe(true),
  )

  it.each(['chapter-8', 'null', '{', 'running'])('do not have %s', (text) => expect(finds(text, { input })).toBe(false))

  it('are read to a bound, however long and deep the input is', () => {
    let deep: Json = 'bottom'
    for (let depth = 0; depth < 100; depth++) deep = [deep]
    expect(finds('bottom', { input: deep })).toBe(false)
    expect(taskText(rowOf({ input: Array.from({ length: 50 }, () => 'x'.repeat(1000)) })).join('').length).toBeLessThan(
      inputCharsMax + 200,
    )
  })

  it('are read only while something is looked for, and of each record once', () => {
    let looks = 0
    const record = {
      ...submitted,
      get input() {
        looks++
        return 'something'
      },
    }
    const rows = [{ ...rowOf({}), record }]
    expect(rowsWithWords(rows, '  ', taskText)).toBe(rows)
    expect(looks).toBe(0)
    for (const text of ['some', 'someth', 'something']) expect(rowsWithWords(rows, text, taskText)).toHaveLength(1)
    expect(looks).toBe(1)
  })
})

describe('the groups of tasks', () => {
  it('each have their list', () => {
    const lists = tasksOf(folded(memory()), 5000)
    for (const { name } of taskGroups) expect(lists[name]).toEqual([])
    expect(taskGroups.map(({ label }) => label)).toContain('Taken over')
  })
})

describe('the progress of a task', () => {
  const told = (value: Json) => folded(memory(), change('ns/tasks/job/progress', 1, value))

  it('is what its handler said last, until it has ended', () => {
    const state = told({ progress: 97, status: 'packing' })
    const at = (status: TaskRecord['status']) => progressOf(state, { id: 'job', record: { ...submitted, status } })
    for (const status of ['pending', 'processing'] as const) expect(at(status)).toEqual({ percent: 97, note: 'packing' })
    for (const status of ['completed', 'failed', 'cancelled'] as const) expect(at(status)).toBe(null)
  })

  it.each<Json>([null, 97, ['97'], { progress: 'most' }])('is none of %j', (value) =>
    expect(progressOf(told(value), rowOf({}))).toBe('unheard'),
  )

  it('is none where nothing was written', () => expect(progressOf(folded(memory()), rowOf({}))).toBe('unheard'))
})

describe('a hint at a filter', () => {
  const hint = (text: string, fields = queryFields as Parameters<typeof queryHint>[1]) => queryHint(parseQuery(text), fields)

  it('names what is no field, once, and those that there are', () => {
    expect(hint('stat:lost kind:task', actorFields)).toBe(
      '“stat” is no field: looked for as a word. Fields: kind, state, status, chart, address, source, parent',
    )
    expect(hint('stat:lost knid:task stat:done')).toMatch(
      /^“stat”, “knid” are no fields: looked for as words\. Fields: type, kind, /,
    )
  })

  it.each(['', 'kind:task', 'lost', 'kind:', '"stat:lost"'])('is not given for %j', (text) => expect(hint(text)).toBe(null))
})

describe('a name that is cut in its middle', () => {
  it.each(['1bad58b4-f00d-4a5b-9c11-000000000001', 'job', '', 'ends with 😀😀😀😀😀😀', 'ends with x😀😀😀😀😀'])(
    'is all of %j',
    (text) => {
      const [head, tail] = middleParts(text)
      expect(head + tail).toBe(text)
      expect(tail.isWellFormed()).toBe(true)
      expect([...tail]).toHaveLength(Math.min(tailChars, [...text].length))
    },
  )

  it('keeps what tells it from others that begin alike', () => {
    const [first, second] = [1, 2].map((n) => middleParts(`1bad58b4-f00d-4a5b-9c11-00000000000${n}`))
    expect(first?.[0]).toBe(second?.[0])
    expect(first?.[1]).not.toBe(second?.[1])
  })

  it('fits where characters are counted', () => {
    expect(middleCut('tasks/1bad58b4-f00d/record', 20, 7)).toBe('tasks/1bad58…/record')
    expect(middleCut('tasks/1bad58b4-f00d/record', 26, 7)).toBe('tasks/1bad58b4-f00d/record')
  })
})

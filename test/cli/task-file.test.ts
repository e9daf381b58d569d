import { describe, expect, it } from 'vitest'
import { lineCharactersMax, readTaskLines } from '../../src/cli/task-file.ts'

async function* chunks(...texts: string[]) {
  yield* texts
}

const read = (text: string, types: readonly string[] = ['greet']) => readTaskLines(chunks(text), 'tasks.jsonl', types)

describe('a file of tasks', () => {
  it('has one task per line; blank lines, a byte order mark and Windows line ends do not matter', async () => {
    const lines = await read('\ufeff{"type":"greet"}\r\n\r\n  \n{"type":"greet","id":"b","input":{"a":1},"priority":5}\n')
    expect(lines).toEqual([
      { line: 1, spec: { type: 'greet' } },
      { line: 4, spec: { type: 'greet', id: 'b', input: { a: 1 }, priority: 5 } },
    ])
  })

  it('may lack the last line end, be cut anywhere into chunks, and be empty', async () => {
    const text = '{"type":"greet","input":1}\n{"type":"greet","input":2}'
    const lines = await readTaskLines(chunks(...text), 'x', ['greet'])
    expect(lines.map(({ line, spec }) => [line, spec.input])).toEqual([
      [1, 1],
      [2, 2],
    ])
    expect(await read('')).toEqual([])
  })

  it.each([
    ['{"type":', /^tasks.jsonl line 2: not JSON: /],
    ['[1]', /line 2: not an object .*\[1\]/],
    ['"text"', /line 2: not an object/],
    ['{}', /line 2: type is missing/],
    ['{"type":5}', /line 2: type cannot be 5/],
    ['{"type":"other"}', /line 2: no handler for the type "other"; the module has "greet"/],
    ['{"type":"constructor"}', /line 2: no handler for the type "constructor"/],
    ['{"type":"greet","inptu":1}', /line 2: unknown member "inptu"; known are id, type, input/],
    ['{"type":"greet","backoff":{"base":1}}', /line 2: unknown member "base" in backoff/],
    ['{"type":"greet","id":"a/b"}', /line 2: task id "a\/b" contains one of/],
    ['{"type":"greet","maxAttempts":0}', /line 2: maxAttempts must be an integer from 1/],
    ['{"type":"greet","delayMs":-1}', /line 2: delayMs must be/],
    ['{"type":"greet","input":1e999}', /line 2: .*Infinity/],
    ['{"type":"greet","dependsOn":"a"}', /line 2: dependsOn cannot be "a"/],
    ['{"type":"greet","id":"x","dependsOn":["x"]}', /line 2: .*cannot wait for itself/],
    ['{"type":"greet","id":"first"}', /line 2: the id "first" is that of line 1 already/],
  ])('is refused as a whole for the line %s', async (line, reason) => {
    await expect(read(`{"type":"greet","id":"first"}\n${line}\n{"type":"greet"}`)).rejects.toMatchObject({
      code: 'invalid_value',
      message: expect.stringMatching(reason),
    })
  })

  it('names the first bad line with its reason and the numbers of the others', async () => {
    const text = ['{"type":"greet"}', 'x', '{"type":"greet"}', '{}', '5'].join('\n')
    await expect(read(text)).rejects.toThrow(/line 2: not JSON.*\(also bad: line 4, 5\)\. Nothing was submitted\.$/)
  })

  it('has no line that no record could hold, also when it never ends', async () => {
    await expect(read(`{"type":"greet"}\n{"input":"${'x'.repeat(lineCharactersMax)}"}\n`)).rejects.toMatchObject({
      code: 'too_large',
      message: expect.stringContaining('tasks.jsonl line 2'),
    })
    async function* endless() {
      for (;;) yield 'x'.repeat(10_000)
    }
    await expect(readTaskLines(endless(), 'tasks.jsonl', ['greet'])).rejects.toThrow(/tasks.jsonl line 1: more than/)
  })
})

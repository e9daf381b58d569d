/** What a task is found by when words are looked for: what its row shows, and all that is in its input. Pure. */
import type { TaskRecord } from '../../../domain/task-record.ts'
import { onceFor } from '../model/memo.ts'
import type { TaskRow } from '../model/selectors.ts'
import { statusLooks } from './task-groups.ts'

/** Of an input; what lies behind is not looked through. */
export const inputCharsMax = 16_384
/** Values deeper than this are not looked through. */
const inputDepthMax = 32

export function taskText({ id, record, status }: TaskRow): readonly (string | null)[] {
  return [id, record.type, record.owner ?? null, statusLooks[status].text, inputText(record)]
}

/** Names and values, a blank between any two. Read once for each record, and only when somebody looks for something. */
const inputText = onceFor((record: TaskRecord): string => {
  const parts: string[] = []
  let charsLeft = inputCharsMax
  add(record.input, inputDepthMax)
  return parts.join(' ')

  function add(value: unknown, depthLeft: number): void {
    if (charsLeft <= 0 || depthLeft === 0 || value === null || value === undefined) return
    if (typeof value !== 'object') {
      take(String(value))
      return
    }
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) take(name)
      add(inner, depthLeft - 1)
    }
  }

  function take(text: string): void {
    parts.push(text.slice(0, Math.max(0, charsLeft)))
    charsLeft -= text.length
  }
})

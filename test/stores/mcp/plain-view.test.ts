/** What a handle believes of a server: never older than what it knew. */
import { expect, test } from 'vitest'
import type { Json } from '../../../src/domain/json.ts'
import { encodePlain } from '../../../src/stores/mcp/plain-encoding.ts'
import { PlainView } from '../../../src/stores/mcp/plain-view.ts'
import type { Register, Registers } from '../../../src/stores/mcp/registers.ts'
import { entryOf } from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock } from '../../../src/testing/virtual-clock.ts'

/** Registers whose reads are answered by the test, in any order. */
function held() {
  const answers: ((register: Register | null) => void)[] = []
  const registers: Registers = {
    listsAll: true,
    durability: 'none',
    read: () => new Promise((resolve) => answers.push(resolve)),
    write: async () => {},
    remove: async () => {},
    list: async () => ({ entries: [], isComplete: true, settledMs: 0 }),
  }
  return { answers, view: new PlainView({ registers, namespace: 'ns', clock: createVirtualClock() }) }
}

function registerOf(value: Json): Register {
  return { content: encodePlain(entryOf(value), 'readable'), updatedAtMs: null }
}

test('a read that began before a write of this handle ended does not undo it', async () => {
  const { view, answers } = held()
  const reading = view.read('a')
  view.wrote([{ key: 'a', entry: entryOf('new') }])
  answers[0]?.(registerOf('old'))
  expect((await reading)?.entry.value).toBe('new')
  expect(view.revision).toBe(1)
})

test('of two reads the later begun one is believed, whichever is answered first', async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const { view, answers } = held()
    const reads = [view.read('a'), view.read('a')]
    for (const index of order) {
      answers[index]?.(index === 0 ? registerOf('old') : registerOf('new'))
      await reads[index]
    }
    expect(view.stored('a')?.entry.value).toBe('new')
  }
})

test('a read that found nothing before a write does not delete what was written', async () => {
  const { view, answers } = held()
  const reading = view.read('a')
  view.wrote([{ key: 'a', entry: entryOf(1) }])
  answers[0]?.(null)
  expect((await reading)?.entry.value).toBe(1)
})

test('what is read again unchanged keeps its revision; what comes back after it was gone gets a new one', async () => {
  const { view, answers } = held()
  const register = registerOf(1)
  const read = async (answer: Register | null) => {
    const reading = view.read('a')
    answers.at(-1)?.(answer)
    return (await reading)?.revision
  }
  expect(await read(register)).toBe(1)
  expect(await read(register)).toBe(1)
  expect(await read(null)).toBe(undefined)
  expect(view.revision).toBe(2) // the tombstone that watchers get
  expect(await read(null)).toBe(undefined)
  expect(view.revision).toBe(2)
  expect(await read(register)).toBe(3)
})

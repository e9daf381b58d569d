import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Heap } from '../../src/domain/heap.ts'

interface Item {
  heapIndex: number
  readonly dueMs: number
  readonly sequence: number
}

const isBefore = (a: Item, b: Item) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence)

it('behaves as a sorted list under any pushes, pops and removals', () => {
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('push' as const), dueMs: fc.nat(1000) }) },
    fc.record({ type: fc.constant('pop' as const) }),
    fc.record({ type: fc.constant('remove' as const), at: fc.nat(1000) }),
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300, size: 'max' }), (commands) => {
      const heap = new Heap<Item>(isBefore)
      const model: Item[] = []
      const removed: Item[] = []
      let sequence = 0
      for (const step of commands) {
        if (step.type === 'push') {
          const item = { heapIndex: -1, dueMs: step.dueMs, sequence: sequence++ }
          heap.push(item)
          model.push(item)
          model.sort((a, b) => (isBefore(a, b) ? -1 : 1))
        } else if (step.type === 'pop') {
          const popped = model.shift()
          expect(heap.pop()).toBe(popped)
          if (popped !== undefined) removed.push(popped)
        } else if (model.length > 0) {
          const [item] = model.splice(step.at % model.length, 1)
          if (item === undefined) throw new Error('unreachable')
          expect(heap.remove(item)).toBe(true)
          removed.push(item)
        }
        expect(heap.peek()).toBe(model[0])
        expect(heap.size).toBe(model.length)
      }
      for (const item of removed) expect(heap.remove(item)).toBe(false)
      expect(new Set(heap.values())).toEqual(new Set(model))
      expect(Array.from({ length: model.length }, () => heap.pop())).toEqual(model)
    }),
  )
})

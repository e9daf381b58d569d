/** The bounded view of the queue: its order, its bounds, and what it says when it does not hold all. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareInQueue, type TaskRecord } from '../../src/domain/task-record.ts'
import { QueueView, readyMax, waitingMax } from '../../src/runtime/queue-view.ts'

const now = { wallMs: 1_000_000, bootId: 'boot', monotonicMs: 5000 }

function recordOf(n: number, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: `t${n}`,
    type: 'x',
    status: 'pending',
    input: null,
    priority: 0,
    enqueued: [n, 0, 'w'],
    epoch: 0,
    attempts: 0,
    maxAttempts: 3,
    ...more,
  }
}

const dueIn = (ms: number) => ({ ...now, wallMs: now.wallMs + ms, monotonicMs: now.monotonicMs + ms })

function viewOf(records: readonly TaskRecord[]): QueueView {
  const view = new QueueView()
  for (const [index, record] of records.entries()) view.put(record, index + 1, now, 0)
  return view
}

function taken(view: QueueView, types: readonly string[] | null = null): string[] {
  const ids: string[] = []
  for (let task = view.take(types); task !== undefined; task = view.take(types)) ids.push(task.id)
  return ids
}

describe('ready tasks', () => {
  test('are taken in queue order, by type', () => {
    const view = viewOf([
      recordOf(3),
      recordOf(1, { type: 'y' }),
      recordOf(2, { priority: 5, type: 'y' }),
      recordOf(4, { type: null }),
      recordOf(0, { priority: -1 }),
    ])
    expect(view.readyCount).toBe(5)
    expect(view.take(['z'])).toBe(undefined)
    expect(view.take(['y'])?.id).toBe('t2')
    // A task without a type is for no worker.
    expect(taken(view)).toEqual(['t1', 't3', 't0'])
    expect(view.size).toBe(1)
  })

  test('change with newer revisions of their records, never with older ones', () => {
    const view = new QueueView()
    view.put(recordOf(1), 5, now, 0)
    view.put(recordOf(1, { priority: 9 }), 4, now, 0)
    expect(view.get('t1')?.priority).toBe(0)
    view.put(recordOf(1, { priority: 9 }), 6, now, 0)
    expect(view.get('t1')?.priority).toBe(9)
    view.put(recordOf(1, { status: 'completed' }), 5, now, 0)
    expect(view.size).toBe(1)
    view.put(recordOf(1, { status: 'completed' }), 7, now, 0)
    expect([view.size, view.readyCount]).toEqual([0, 0])
  })

  test('beyond the bound are the last ones, and stay on disk until there is room', () => {
    const view = viewOf(Array.from({ length: readyMax }, (_, n) => recordOf(2 * n)))
    expect([view.readyCount, view.isPartial]).toEqual([readyMax, false])
    expect(view.put(recordOf(2 * readyMax), 1, now, 0)).toBe(undefined)
    expect([view.readyCount, view.isPartial]).toEqual([readyMax, true])
    // An earlier one takes the place of the last.
    expect(view.put(recordOf(7), 1, now, 0)?.id).toBe('t7')
    expect([view.readyCount, view.get(`t${2 * readyMax - 2}`)]).toEqual([readyMax, undefined])
    // Behind the last that is known nothing may be put any more, although there is room now: the disk may hold what is between.
    for (let n = 0; n < 100; n++) view.take(null)
    expect(view.put(recordOf(9 * readyMax), 1, now, 0)).toBe(undefined)
    // A scan finds all there is.
    view.beginScan()
    expect(view.isPartial).toBe(false)
    expect(view.put(recordOf(9 * readyMax), 1, now, 0)?.id).toBe(`t${9 * readyMax}`)
  })

  test('of which there are many more than fit are taken in order all the same, by few scans', () => {
    const count = 3 * readyMax
    const all = Array.from({ length: count }, (_, n) => recordOf((n * 7919) % count))
    const view = new QueueView()
    let [next, scans] = [0, 0]
    while (next < count) {
      scans++
      view.beginScan()
      for (const record of all) if (record.enqueued[0] >= next) view.put(record, 1, now, 0)
      expect(view.size).toBe(Math.min(readyMax, count - next))
      for (let safe = view.isPartial ? readyMax : count; safe > 0 && !view.wantsScan(['x']); safe--) {
        const task = view.take(['x'])
        if (task === undefined) break
        expect(task.id).toBe(`t${next++}`)
      }
    }
    expect(scans).toBeLessThan(6)
  })

  test('of one type cannot keep those of another out for ever', () => {
    const view = new QueueView()
    const [some, many] = [readyMax * 0.8, readyMax]
    const all: TaskRecord[] = []
    for (let n = 0; n < some; n++) all.push(recordOf(n, { type: 'y' }))
    for (let n = 0; n < many; n++) all.push(recordOf(some + n))
    const ended = new Set<string>()
    const scan = () => {
      view.beginScan()
      for (const record of all) if (!ended.has(record.id)) view.put(record, 1, now, 0)
    }
    scan()
    // Nobody takes x; y must get through all the same, and in order.
    const ran: string[] = []
    for (let scans = 0; scans < 20 && ran.length < some; scans++) {
      for (const id of taken(view, ['y'])) {
        ran.push(id)
        ended.add(id)
      }
      expect(view.readyCount).toBeLessThanOrEqual(readyMax)
      if (ran.length < some) {
        expect(view.wantsScan(['y'])).toBe(true)
        scan()
      }
    }
    expect(ran).toEqual(Array.from({ length: some }, (_, n) => `t${n}`))
    expect(view.wantsScan(['y'])).toBe(false)
  })

  test('against a model with a small bound of scans: always the first of what was ever put', () => {
    const record = fc.record({ n: fc.nat(50), priority: fc.nat(2), type: fc.constantFrom('x', 'y', 'z') })
    fc.assert(
      fc.property(fc.array(fc.oneof(record, fc.constantFrom('x', 'y', 'z', null)), { maxLength: 200 }), (steps) => {
        const view = new QueueView()
        const model = new Map<string, TaskRecord>()
        for (const [revision, step] of steps.entries()) {
          if (step !== null && typeof step === 'object') {
            const { n, ...more } = step
            const put = recordOf(n, more)
            view.put(put, revision, now, 0)
            model.set(put.id, put)
          } else {
            const types = step === null ? null : [step]
            const wanted = [...model.values()]
              .filter(({ type }) => types === null || (types as readonly unknown[]).includes(type))
              .sort(compareInQueue)
            const task = view.take(types)
            expect(task?.id).toBe(wanted[0]?.id)
            if (task !== undefined) model.delete(task.id)
          }
          expect(view.readyCount).toBe(model.size)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('timed tasks', () => {
  test('become ready when they are due; those with a lease are given back to be looked at', () => {
    const view = viewOf([
      recordOf(1, { notBefore: dueIn(100) }),
      recordOf(2, { notBefore: dueIn(50) }),
      recordOf(3, { notBefore: dueIn(0) }),
    ])
    view.put(
      recordOf(4, { status: 'processing', incarnation: 'i', lease: { leaseMs: 70, bootId: 'boot', renewedAtMs: 5000 } }),
      9,
      now,
      70,
    )
    expect([view.readyCount, view.size, view.nextDueMs]).toEqual([1, 4, 5050])
    expect(view.popDue(5049)).toEqual([])
    expect(view.popDue(5050)).toEqual([])
    expect(view.nextDueMs).toBe(5070)
    expect(view.popDue(6000).map(({ id }) => id)).toEqual(['t4'])
    expect(taken(view)).toEqual(['t1', 't2', 't3'])
    expect([view.size, view.nextDueMs]).toEqual([0, null])
  })

  test('that also wait for others are given back when their time has come', () => {
    const view = viewOf([recordOf(1, { notBefore: dueIn(100), dependsOn: ['a'] })])
    expect(view.dependentsOf('a')).toEqual([])
    const [task] = view.popDue(6000)
    expect(task).toMatchObject({ id: 't1', place: 'blocked' })
    expect(view.dependentsOf('a')).toEqual([task])
    expect(task !== undefined && view.meet(task, 'a')).toBe(true)
    expect(taken(view)).toEqual(['t1'])
  })

  test('beyond the bound are the ones due last; the view says when they must be looked for', () => {
    const view = new QueueView()
    // The latest come first.
    const count = waitingMax * 2
    for (let n = 0; n < count; n++) view.put(recordOf(n, { notBefore: dueIn(count - n) }), 1, now, 0)
    expect(view.size).toBeLessThanOrEqual(waitingMax)
    expect(view.size).toBeGreaterThan(waitingMax / 2)
    expect(view.nextDueMs).toBe(5001)
    // A retry that is due soon finds its place among them.
    expect(view.put(recordOf(-1, { notBefore: dueIn(10) }), 1, now, 0)).toMatchObject({ dueMs: 5010 })
    let atMs = 5000
    let seen = 0
    const left = new Map(Array.from({ length: count }, (_, n) => [`t${n}`, recordOf(n, { notBefore: dueIn(count - n) })]))
    left.set('t-1', recordOf(-1, { notBefore: dueIn(10) }))
    let scans = 0
    while (left.size > 0) {
      const dueMs = view.nextDueMs
      expect(dueMs).not.toBe(null)
      atMs = Math.max(atMs, dueMs ?? 0)
      view.popDue(atMs)
      if (view.isScanDue(atMs)) {
        scans++
        view.beginScan()
        for (const record of left.values()) view.put(record, 1, { ...now, monotonicMs: atMs }, 0)
      }
      for (const id of taken(view)) {
        // Each at its own time.
        expect(left.get(id)?.notBefore?.monotonicMs).toBe(atMs)
        left.delete(id)
        seen++
      }
    }
    expect(seen).toBe(count + 1)
    expect(scans).toBeLessThan(10)
    expect([view.size, view.nextDueMs]).toEqual([0, null])
  })
})

describe('blocked tasks', () => {
  test('are ready when the last of what they wait for has ended', () => {
    const view = viewOf([recordOf(1, { dependsOn: ['a', 'b'] }), recordOf(2, { dependsOn: ['a'] })])
    const [one, two] = [view.get('t1'), view.get('t2')]
    if (one === undefined || two === undefined) expect.unreachable()
    expect(view.dependentsOf('a')).toEqual([one, two])
    expect([view.meet(one, 'a'), view.meet(one, 'a'), view.readyCount]).toEqual([false, false, 0])
    expect([view.meet(one, 'b'), view.meet(two, 'a'), view.readyCount]).toEqual([true, true, 2])
    expect([view.dependentsOf('a'), view.dependentsOf('b')]).toEqual([[], []])
  })

  test('leave nothing behind when they go', () => {
    const view = viewOf([recordOf(1, { dependsOn: ['a', 'b'] })])
    view.remove('t1')
    view.remove('t1')
    expect([view.size, view.dependentsOf('a'), view.dependentsOf('b')]).toEqual([0, [], []])
  })

  test('beyond the bound are looked for when the view has drained, not all the time', () => {
    const view = viewOf(Array.from({ length: waitingMax + 5 }, (_, n) => recordOf(n, { dependsOn: ['never'] })))
    expect(view.size).toBe(waitingMax)
    expect(view.isPartial).toBe(true)
    expect(view.wantsScan(null)).toBe(false)
    for (let n = 0; n < waitingMax; n++) view.remove(`t${n}`)
    expect(view.wantsScan(null)).toBe(true)
  })
})

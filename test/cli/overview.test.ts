import { describe, expect, it } from 'vitest'
import { goneShownMs, OverviewFold } from '../../src/cli/overview.ts'
import type { TaskRecord } from '../../src/domain/task-record.ts'
import type { WorkerView } from '../../src/wire/worker-documents.ts'

const now = { wallMs: 1_000_000, bootId: 'boot', monotonicMs: 50_000 }

function task(id: string, given: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id,
    type: 'greet',
    status: 'pending',
    input: null,
    priority: 0,
    enqueued: [1, 0, 'w'],
    epoch: 0,
    attempts: 0,
    maxAttempts: 3,
    ...given,
  }
}

function running(id: string, owner: string, renewedAtMs: number): TaskRecord {
  return task(id, { status: 'processing', owner, incarnation: 'i', lease: { leaseMs: 15_000, bootId: 'boot', renewedAtMs } })
}

function worker(id: string, given: Partial<WorkerView> = {}): WorkerView {
  const told = { state: 'active', running: 0, capacity: 2, types: ['greet'] }
  return { id, isAlive: true, heartbeatAgeMs: 100, statusAgeMs: 100, ...told, ...given }
}

function overview(records: readonly TaskRecord[], workers: readonly WorkerView[]) {
  const fold = new OverviewFold()
  for (const record of records) fold.add(record, now)
  return fold.end(workers)
}

describe('the overview', () => {
  it('finds nothing wrong where nothing is', () => {
    const seen = overview([task('a'), running('b', 'w1', 49_000), task('c', { status: 'completed' })], [worker('w1')])
    expect(seen).toMatchObject({
      queue: { pending: 1, processing: 1, completed: 1, failed: 0, cancelled: 0 },
      workers: [{ id: 'w1', running: 1 }],
      workersNotShown: 0,
      problems: [],
    })
  })

  it('names workers that vanished with their tasks, and leases that are over', () => {
    const vanished = worker('w1', { isAlive: false, heartbeatAgeMs: null, statusAgeMs: 45_000 })
    expect(overview([running('a', 'w1', 1000)], [vanished]).problems).toEqual([
      'worker w1 has no heartbeat any more, its last sign was 45 s ago; its 1 task will be taken over when the leases are over',
      `1 running task outlived the owner's lease and can be taken over by any worker`,
    ])
  })

  it('names types of pending tasks that nobody takes', () => {
    const tasks = [task('a'), task('b'), task('c', { type: 'embed' }), task('d', { type: null })]
    const draining = worker('w2', { state: 'draining', types: null })
    expect(overview(tasks, [worker('w1'), draining]).problems).toEqual([
      'no worker takes the type "embed", of which 1 task is pending',
    ])
    expect(overview(tasks, []).problems).toContain('no worker takes the type "greet", of which 2 tasks are pending')
  })

  it('points to dead letters and to what is no record', () => {
    const fold = new OverviewFold()
    fold.add(task('a', { status: 'failed' }), now)
    fold.add({ key: 'ns/tasks/x/record' }, now)
    expect(fold.end([]).problems).toEqual([
      '1 task failed: memory-sync dead-letters',
      'what lies at ns/tasks/x/record is no task record and is ignored',
    ])
  })

  it('hides workers that left, and those that vanished long ago', () => {
    const left = worker('w1', { state: 'offline', isAlive: false, heartbeatAgeMs: null })
    const old = worker('w2', { isAlive: false, heartbeatAgeMs: null, statusAgeMs: goneShownMs + 1 })
    const seen = overview([], [left, old, worker('w3')])
    expect(seen.workers.map(({ id }) => id)).toEqual(['w3'])
    expect(seen).toMatchObject({ workersNotShown: 2, problems: [] })
  })
})

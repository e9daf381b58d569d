/** Tasks, workers, locks and actors as panes list them. */
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../../src/domain/entry.ts'
import type { Json } from '../../../../src/domain/json.ts'
import type { TaskRecord } from '../../../../src/domain/task-record.ts'
import { compareNames, KeyOrder } from '../../../../src/inspector/page/model/name-order.ts'
import type { ActorNode } from '../../../../src/inspector/page/model/selectors.ts'
import { actorsAt, actorTree, leaseLeftMs, locksOf, tasksOf, workersOf } from '../../../../src/inspector/page/model/selectors.ts'
import type { TraceRecord } from '../../../../src/wire/trace-record.ts'
import { actor, change, ended, entry, folded, memory, source, transition } from './records.ts'

let revision = 0

function lies(key: string, value: Json, given: Partial<Entry> = {}): TraceRecord {
  return change(`ns/${key}`, ++revision, value, { entry: entry(value, given) })
}

function task(id: string, given: Partial<TaskRecord> = {}, about: Partial<Entry> = {}): TraceRecord {
  const record: TaskRecord = {
    id,
    type: 'work',
    status: 'pending',
    input: null,
    priority: 0,
    enqueued: [1000, 0, 'a'],
    epoch: 0,
    attempts: 0,
    maxAttempts: 3,
    ...given,
  }
  return lies(`tasks/${id}/record`, record as unknown as Json, about)
}

const lease = { leaseMs: 15_000, bootId: 'b', renewedAtMs: 50 }
const running = { status: 'processing', owner: 'w1', incarnation: 'i', epoch: 1, attempts: 1, lease } as const
const at = (wallMs: number) => ({ wallMs, bootId: null, monotonicMs: 0 })

describe('the tasks of a session', () => {
  it('are in groups: running, ready in the order of the queue, waiting for a time, blocked, dead letters, ended', () => {
    const lists = tasksOf(
      folded(
        memory(),
        task('low'),
        task('high', { priority: 5, enqueued: [3000, 0, 'a'] }),
        task('early', { enqueued: [500, 0, 'a'] }),
        task('same-time', { enqueued: [500, 1, 'a'] }),
        task('run', running),
        task('later', { notBefore: at(9000) }),
        task('soon', { notBefore: at(6000) }),
        task('due', { notBefore: at(4000), enqueued: [9000, 0, 'a'] }),
        task('behind', { dependsOn: ['low', 'fine', 'unheard'] }),
        task('fine', { status: 'completed', endedMs: 100 }),
        task('dead', { status: 'failed', endedMs: 200, error: { name: 'Error', message: 'no' } }),
        task('deader', { status: 'failed', endedMs: 300 }),
        task('off', { status: 'cancelled', endedMs: 400 }),
      ),
      5000,
    )
    const ids = Object.fromEntries(
      Object.entries(lists).flatMap(([name, list]) => (Array.isArray(list) ? [[name, list.map(({ id }) => id)]] : [])),
    )
    expect(ids).toEqual({
      processing: ['run'],
      queue: ['high', 'early', 'same-time', 'low', 'due'],
      backingOff: ['soon', 'later'],
      blocked: ['behind'],
      deadLetters: ['deader', 'dead'],
      ended: ['off', 'fine'],
      all: ['run', 'high', 'early', 'same-time', 'low', 'due', 'soon', 'later', 'behind', 'deader', 'dead', 'off', 'fine'],
      takenOver: [],
      unreadable: [],
    })
    expect(lists.byId.get('behind')).toMatchObject({
      status: 'blocked',
      waitsFor: [
        { id: 'low', status: 'pending' },
        { id: 'unheard', status: 'unknown' },
      ],
    })
    expect(lists.byId.get('soon')).toMatchObject({ status: 'backingOff', delayLeftMs: 1000, owner: null })
    expect(lists.byId.get('dead')).toMatchObject({ error: { message: 'no' }, leaseEndsMs: null })
  })

  it('are no longer blocked when a dependency failed and they run all the same', () => {
    const { queue, blocked } = tasksOf(
      folded(
        memory(),
        task('dead', { status: 'failed' }),
        task('runs', { dependsOn: ['dead'], onDependencyFailure: 'run' }),
        task('waits', { dependsOn: ['dead'] }),
      ),
      5000,
    )
    expect(queue.map(({ id }) => id)).toEqual(['runs'])
    expect(blocked.map(({ id }) => id)).toEqual(['waits'])
  })

  it('show the owner’s lease from its renewal on, whoever wrote the record since', () => {
    const asked = { ...running, cancelRequested: 'enough' }
    const { byId } = tasksOf(
      folded(
        memory(),
        task('run', running, { timestamp: 10_000 }),
        task('run', asked, { timestamp: 20_000 }),
        task('new', running, { timestamp: 10_000 }),
        task('new', { ...running, lease: { ...lease, renewedAtMs: 99 } }, { timestamp: 20_000 }),
      ),
      22_000,
    )
    expect(byId.get('run')).toMatchObject({ owner: 'w1', leaseEndsMs: 25_000 })
    expect(byId.get('new')).toMatchObject({ leaseEndsMs: 35_000 })
    const left = [22_000, 25_000, 99_000].map((nowMs) => leaseLeftMs({ leaseEndsMs: 25_000 }, nowMs))
    expect(left).toEqual([3000, 0, 0])
    expect(leaseLeftMs({ leaseEndsMs: null }, 1)).toBe(null)
  })

  it('have the takeovers that their record names', () => {
    const takeovers = [{ worker: 'w0', incarnation: 'i', epoch: 1, atMs: 5 }]
    const { byId } = tasksOf(folded(memory(), task('t', { takeovers }), task('odd', { takeovers: 'many' as never })), 5000)
    expect(byId.get('t')?.takeovers).toEqual(takeovers)
    expect(byId.get('odd')?.takeovers).toEqual([])
  })

  it('are listed when they were taken over, whatever became of them, the one taken over last first', () => {
    const takenAt = (...moments: number[]) => ({
      takeovers: moments.map((atMs) => ({ worker: 'w0', incarnation: 'i', epoch: 1, atMs })),
    })
    const { takenOver } = tasksOf(
      folded(
        memory(),
        task('done', { status: 'completed', endedMs: 9000, ...takenAt(300) }),
        task('calm'),
        task('twice', { ...running, ...takenAt(200, 500) }),
        task('none', takenAt()),
        task('waits', takenAt(400)),
      ),
      5000,
    )
    expect(takenOver.map(({ id }) => id)).toEqual(['twice', 'waits', 'done'])
  })

  it('are told apart from what cannot be read, from deleted records and from other keys', () => {
    const { all, unreadable } = tasksOf(
      folded(
        memory(),
        lies('tasks/cut/record', { $cut: 9000, text: '{"id":"cut"' }),
        lies('tasks/odd/record', 'something'),
        lies('tasks/gone/record', null, { x: { v: 1, d: ['a', 1, 'i'], t: 1 } }),
        lies('tasks/t/progress', {}),
        change('other/tasks/t/record', 1000, 1),
      ),
      5000,
    )
    expect(all).toEqual([])
    expect(unreadable.map(({ id, reason }) => [id, reason]).sort()).toEqual([
      ['cut', 'cut'],
      ['odd', 'no-record'],
    ])
  })

  it('are worked out once for a state and a moment, and ended ones once at all', () => {
    const state = folded(memory(), task('fine', { status: 'completed' }), task('late', { notBefore: at(6000) }))
    const first = tasksOf(state, 5000)
    expect(tasksOf(state, 5000)).toBe(first)
    const second = tasksOf(state, 6000)
    expect(second.queue.map(({ id }) => id)).toEqual(['late'])
    expect(second.byId.get('fine')).toBe(first.byId.get('fine'))
  })
})

describe('the workers of a session', () => {
  const status = { state: 'active', capacity: 4, running: 9, types: ['work'], incarnation: 'i', startedAt: 100 }

  it('are shown by their documents, their tasks and their actors', () => {
    const state = folded(
      source(),
      memory(),
      lies('workers/w1/status', status, { timestamp: 2000 }),
      lies('workers/w1/heartbeat', { sequence: 3 }, { timestamp: 4000, ttl: 30 }),
      lies('workers/w1/capacity', { available: 1 }),
      task('t1', running),
      task('t2', running),
      task('t3', { ...running, status: 'completed' }),
      actor('worker/w1'),
    )
    expect(workersOf(state, 5000)).toEqual([
      {
        id: 'w1',
        state: 'active',
        isAlive: true,
        heartbeatAgeMs: 1000,
        statusAgeMs: 3000,
        capacity: 4,
        running: 2,
        load: 0.5,
        types: ['work'],
        incarnation: 'i',
        startedMs: 100,
        source: 'p',
        actorId: 'p|worker/w1',
        process: state.sources.get('p'),
      },
    ])
  })

  it('are gone when they said that they work, and have no heartbeat or no process any more', () => {
    const states = (...records: TraceRecord[]) =>
      workersOf(folded(source({ source: 'i' }), memory(), ...records), 5000).map(({ state, process }) => [
        state,
        process?.isLost ?? null,
      ])
    const lost: TraceRecord = { type: 'source.lost', source: 'i', seq: 9, atMs: 4500, reason: 'it does not answer' }
    const beats = lies('workers/w/heartbeat', {}, { timestamp: 4000, ttl: 30 })
    expect(states(lies('workers/w/status', status), beats)).toEqual([['active', false]])
    expect(states(lies('workers/w/status', status))).toEqual([['gone', false]])
    expect(states(lies('workers/w/status', { ...status, state: 'draining' }), beats, lost)).toEqual([['gone', true]])
    expect(states(lies('workers/w/status', { ...status, state: 'offline' }), lost)).toEqual([['offline', true]])
    expect(states(lies('workers/w/status', { ...status, incarnation: 'other' }), beats, lost)).toEqual([['active', null]])
  })

  it('are not alive without a heartbeat, or with one that has expired', () => {
    const state = folded(
      memory(),
      lies('workers/w2/status', status),
      lies('workers/w10/status', status),
      lies('workers/w10/heartbeat', {}, { timestamp: 1000, ttl: 30 }),
    )
    expect(workersOf(state, 31_000).map(({ id, isAlive, heartbeatAgeMs }) => [id, isAlive, heartbeatAgeMs])).toEqual([
      ['w2', false, null],
      ['w10', false, null],
    ])
    expect(workersOf(state, 30_999).map(({ isAlive }) => isAlive)).toEqual([false, true])
  })

  it('are shown with what little is known of them: an actor alone, a heartbeat alone, documents of somebody else', () => {
    const state = folded(
      source(),
      memory(),
      actor('worker/new'),
      actor('worker/old'),
      ended('worker/old'),
      lies('workers/beats/heartbeat', 7),
      lies('workers/odd/status', { state: 5, capacity: 'all', types: 'x' }),
    )
    expect(workersOf(state, 5000).map(({ id, state: said, capacity, load, types }) => [id, said, capacity, load, types])).toEqual(
      [
        ['beats', null, null, null, null],
        ['new', null, null, null, null],
        ['odd', null, null, null, null],
      ],
    )
  })
})

describe('the locks of a session', () => {
  const held = { owner: 'a', incarnation: 'i', epoch: 3, nonce: 'n1', lease: { ...lease, leaseMs: 10_000 } }

  it('show holder, epoch, lease and waiters, longest first', () => {
    const state = folded(
      source(),
      memory(),
      lies('locks/l', held, { timestamp: 1000 }),
      actor('lock/ns/locks/l/n1', { state: 'held' }),
      actor('lock/ns/locks/l/n2', { state: 'waiting', atMs: 3000 }),
      actor('lock/ns/locks/l/n3', { state: 'waiting', atMs: 2000 }),
      actor('lock/ns/locks/l/n4', { state: 'waiting' }),
      transition('lock/ns/locks/l/n4', { to: 'acquiring' }),
      actor('lock/ns/locks/l/n5', { state: 'waiting' }),
      ended('lock/ns/locks/l/n5', { how: 'stopped' }),
    )
    const [lock] = locksOf(state, 5000)
    expect(lock).toMatchObject({
      key: 'ns/locks/l',
      name: 'l',
      kind: 'named',
      status: 'held',
      holder: 'a',
      epoch: 3,
      leaseMs: 10_000,
      leaseLeftMs: 6000,
      holderActor: 'p|lock/ns/locks/l/n1',
    })
    expect(lock?.waiters.map(({ address }) => address.slice(-2))).toEqual(['n3', 'n2'])
  })

  it('tell free ones from those whose lease is over, and tasks’ locks from named ones', () => {
    const state = folded(
      memory(),
      lies('locks/free', { ...held, owner: null, incarnation: null }),
      lies('locks/over', held, { timestamp: 1000 }),
      lies('locks/odd', 'mine'),
      lies('tasks/t1/lock', held, { timestamp: 4000 }),
      lies('locks/nested/key', held),
      actor('lock/ns/locks/wanted/n9', { state: 'waiting' }),
    )
    expect(
      locksOf(state, 11_000).map(({ name, kind, status, leaseLeftMs, epoch }) => [name, kind, status, leaseLeftMs, epoch]),
    ).toEqual([
      ['free', 'named', 'free', null, 3],
      ['odd', 'named', 'unknown', null, null],
      ['over', 'named', 'over', 0, 3],
      ['wanted', 'named', 'unknown', null, null],
      ['t1', 'task', 'held', 3000, 3],
    ])
  })
})

describe('the actors of a session', () => {
  const shape = (nodes: readonly ActorNode[]): unknown =>
    nodes.map(({ actor: { address }, depth, children }) => [address, depth, shape(children)])

  it('are trees by process, those that are heard first, in the order in which people count', () => {
    const trees = actorTree(
      folded(
        source({ source: 'old', workerId: 'a' }),
        source({ source: 'p', workerId: 'b' }),
        memory(),
        actor('root'),
        actor('task/10', { parent: 'root' }),
        actor('task/9', { parent: 'root' }),
        actor('step', { parent: 'task/9' }),
        actor('lone', { parent: 'unheard' }),
        actor('task/10', { source: 'old', parent: 'root' }),
        { type: 'source.lost', source: 'old', seq: 9, atMs: 1, reason: 'gone' },
      ),
    )
    expect(trees.map(({ source: { source: id }, count, roots }) => [id, count, shape(roots)])).toEqual([
      [
        'p',
        5,
        [
          ['lone', 0, []],
          [
            'root',
            0,
            [
              ['task/9', 1, [['step', 2, []]]],
              ['task/10', 1, []],
            ],
          ],
        ],
      ],
      ['old', 1, [['task/10', 0, []]]],
    ])
  })

  it('end somewhere, though they name each other as parents in a circle or in an endless row', () => {
    const row = Array.from({ length: 200 }, (_, index) =>
      actor(`deep/${index}`, { parent: index === 0 ? null : `deep/${index - 1}` }),
    )
    const circle = [
      actor('a', { parent: 'b' }),
      actor('b', { parent: 'a' }),
      actor('self', { parent: 'self' }),
      actor('leaf', { parent: 'a' }),
    ]
    const [tree] = actorTree(folded(source(), ...row, ...circle))
    let seen = 0
    const visit = (nodes: readonly ActorNode[], depth: number): void => {
      expect(depth).toBeLessThan(100)
      for (const node of nodes) {
        seen++
        visit(node.children, depth + 1)
      }
    }
    visit(tree?.roots ?? [], 0)
    expect(seen).toBe(204)
  })

  it('are found by address in every process, live ones first', () => {
    const state = folded(source(), actor('task/1'), ended('task/1'), actor('task/1', { source: 'q' }))
    expect(actorsAt(state, 'task/1').map(({ id }) => id)).toEqual(['q|task/1', 'p|task/1'])
    expect(actorsAt(state, 'task/2')).toEqual([])
  })
})

describe('names', () => {
  it('go in one order, numbers as numbers', () => {
    const ordered = ['', 'a', 'a1', 'a1b', 'a2', 'a10', 'a10b2', 'a10b10', 'b', 'task/9', 'task/10', 'task/10/x']
    const shuffled = ordered.toSorted((a, b) => ((a.length * 7) % 5) - ((b.length * 7) % 5))
    expect(shuffled.sort(compareNames)).toEqual(ordered)
    for (const a of ordered)
      for (const b of ordered) expect(Math.sign(compareNames(a, b))).toBe(Math.sign(ordered.indexOf(a) - ordered.indexOf(b)))
  })

  it('stay in order from one map to the next, and those that went are forgotten', () => {
    const order = new KeyOrder()
    const map = (...keys: string[]) => new Map(keys.map((key) => [key, 1]))
    expect(order.keysOf(map('b', 'a10', 'a2'))).toEqual(['a2', 'a10', 'b'])
    expect(order.keysOf(map('c', 'a10', 'a1'))).toEqual(['a1', 'a10', 'c'])
    expect(order.keysOf(map())).toEqual([])
  })
})

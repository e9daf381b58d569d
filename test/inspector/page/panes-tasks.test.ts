/** Why a task is where it is, who took it over, and which rows of the short lists are shown. */
import { describe, expect, it } from 'vitest'
import { claimed, type TaskRecord, takenOver } from '../../../src/domain/task-record.ts'
import { emptySession } from '../../../src/inspector/page/model/fold.ts'
import type { TaskRow } from '../../../src/inspector/page/model/selectors.ts'
import type { SessionState, SourceView } from '../../../src/inspector/page/model/session-state.ts'
import { calmOf, calmSizeMin, isDue, pacedRecordsMin, pacePeriodMs } from '../../../src/inspector/page/panes/calm-state.ts'
import { heartbeatTone } from '../../../src/inspector/page/panes/heartbeat-tone.ts'
import { goneOwners, reasonOf, takeoverTexts } from '../../../src/inspector/page/panes/task-reason.ts'
import { rowsWithWords } from '../../../src/inspector/page/panes/words.ts'
import { submitted } from './submitted-task.ts'

const lease = { leaseMs: 15_000, bootId: 'boot', renewedAtMs: 1 }
const claim = (record: TaskRecord, worker: string) => claimed(record, { worker, incarnation: `${worker}-1` }, lease)

function rowOf(members: Partial<TaskRow>): TaskRow {
  return {
    id: 'job',
    key: 'ns/tasks/job/record',
    record: submitted,
    status: 'pending',
    revision: 1,
    position: 0,
    enqueuedMs: 1000,
    owner: null,
    leaseEndsMs: null,
    delayLeftMs: null,
    waitsFor: [],
    error: null,
    takeovers: [],
    ...members,
  }
}

describe('why a task is where it is', () => {
  const running = claim(submitted, 'worker-a')
  const error = { name: 'Error', message: 'no route' }

  it.each<[Partial<TaskRow>, string]>([
    [{}, 'Ready, waiting for a worker that takes “render” and has room.'],
    [{ record: { ...submitted, type: null } }, 'Ready; it has no type and waits for a claim from outside.'],
    [
      { status: 'processing', record: running, owner: 'worker-a', leaseEndsMs: 4000 },
      'Attempt 1 runs at worker-a, with 4.0 s of its lease left.',
    ],
    [
      { status: 'processing', record: { ...running, cancelRequested: 'late' }, owner: 'worker-a', leaseEndsMs: 0 },
      'Attempt 1 was started by worker-a, whose lease seems to be over: it waits to be taken over. Its cancellation was asked for.',
    ],
    [{ status: 'backingOff', delayLeftMs: 2000 }, 'Not before 2.0 s from now: a delay was asked for.'],
    [
      { status: 'backingOff', delayLeftMs: 2000, error, record: { ...submitted, attempts: 1 } },
      'Not before 2.0 s from now: attempt 1 failed: no route.',
    ],
    [
      { status: 'blocked', waitsFor: 'abcdefg'.split('').map((id) => ({ id, status: 'pending' })) },
      'Waits for a (pending), b (pending), c (pending), d (pending), e (pending) and 2 more.',
    ],
    [
      { status: 'failed', record: { ...running, attempts: 3 }, error },
      'Failed after 3 of 3 attempts: no route. It can be replayed.',
    ],
    [{ status: 'cancelled', record: { ...submitted, cancelRequested: 'late' } }, 'Cancelled: late.'],
    [{ status: 'completed', record: running }, 'Completed by worker-a after 1 of 3 attempts.'],
  ])('%#: is said in a sentence', (members, sentence) => {
    expect(reasonOf(rowOf(members), 0)).toBe(sentence)
  })
})

describe('takeovers', () => {
  const first = takenOver(claim({ ...submitted, epoch: 1 }, 'worker-a'), 1)

  it('name who lost the task at which epoch, and who took it over', () => {
    expect(takeoverTexts(first)).toEqual(['worker-a lost it at epoch 2; nobody has taken it over yet'])
    expect(takeoverTexts(claim(first, 'worker-b'))).toEqual(['worker-a lost it at epoch 2, worker-b took it over'])
    expect(takeoverTexts(claim(first, 'worker-a'))).toEqual(['worker-a lost it at epoch 2 and took it again'])
  })

  it('follow each other', () => {
    const second = takenOver(claim(first, 'worker-b'), 2)
    expect(takeoverTexts(claim(second, 'worker-c'))).toEqual([
      'worker-a lost it at epoch 2, worker-b took it over',
      'worker-b lost it at epoch 4, worker-c took it over',
    ])
  })

  it('tell whose process is gone', () => {
    const about = { pid: 17 } as SourceView['about']
    const process = { source: 'i', about, isLost: true, lostReason: 'x', lastMs: 0, metrics: null }
    const lost = { ...first, takeovers: [{ worker: 'worker-a', incarnation: 'i', epoch: 2, atMs: 1 }] }
    expect(goneOwners(lost, new Map([['i', process]]))).toEqual([
      expect.stringMatching(/^worker-a is gone \(process 17\): not heard of since \d\d:\d\d:\d\d$/),
    ])
    expect(goneOwners(lost, new Map([['i', { ...process, isLost: false }]]))).toEqual([])
    expect(goneOwners(lost, new Map())).toEqual([])
  })

  it('do not name who lost it much later', () => {
    const gap = {
      ...first,
      epoch: 10,
      takeovers: [...(first.takeovers ?? []), { worker: 'worker-z', incarnation: 'z', epoch: 9, atMs: 2 }],
    }
    expect(takeoverTexts(gap)[0]).toBe('worker-a lost it at epoch 2')
  })

  it('do not name a later owner as the one who took it over', () => {
    const later = { ...claim(first, 'worker-b'), epoch: 7, owner: 'worker-z' }
    expect(takeoverTexts(later)[0]).not.toContain('worker-z took it over')
  })
})

describe('a heartbeat', () => {
  it.each([
    [3000, 'active', 'good'],
    [10_000, 'active', 'waiting'],
    [20_000, 'active', 'bad'],
    [null, 'active', 'bad'],
    [null, 'offline', 'rest'],
  ] as const)('of %s ms, %s, looks %s', (heartbeatAgeMs, state, tone) => {
    expect(heartbeatTone({ heartbeatAgeMs, state })).toBe(tone)
  })
})

describe('the filter of short lists', () => {
  const rows = ['alpha Render', 'beta render', 'gamma']
  const found = (text: string) => rowsWithWords(rows, text, (row) => [row, null])

  it('wants every word, whatever the case and order', () => {
    expect(found('RENDER al')).toEqual(['alpha Render'])
    expect(found('render')).toHaveLength(2)
    expect(found('render gamma')).toEqual([])
  })

  it('gives the very same rows for nothing', () => {
    expect(found('  ')).toBe(rows)
  })
})

describe('the state of calm panes', () => {
  const sized = (size: number, position: number): SessionState => ({
    ...emptySession(),
    position,
    entries: new Map(Array.from({ length: size }, (_, index) => [String(index), {} as never])),
  })
  const at = (size: number, position: number, nowMs: number) => ({ state: sized(size, position), nowMs, isPast: false })

  it('is the newest one while it is small', () => {
    const [held, newest] = [at(10, 1, 0), at(10, 2, 0)]
    expect(calmOf(held, newest)).toBe(newest)
  })

  it('changes with the second when it is large', () => {
    const held = at(calmSizeMin + 1, 1, 0)
    const newest = at(calmSizeMin + 1, 2, 0)
    expect(calmOf(held, newest)).toBe(held)
    const later = { ...newest, nowMs: 1000 }
    expect(calmOf(held, later)).toBe(later)
    expect(calmOf(held, later, 3000)).toBe(held)
    expect(calmOf(held, { ...newest, nowMs: 3000 }, 3000).nowMs).toBe(3000)
  })

  it('is the asked one in the past, and never one from the future', () => {
    const held = at(calmSizeMin + 1, 9, 0)
    const earlier = at(calmSizeMin + 1, 2, 0)
    for (const asked of [earlier, held].map((calm) => ({ ...calm, isPast: true }))) {
      expect(calmOf(held, asked)).toBe(asked)
      expect(calmOf(earlier, asked)).toBe(asked)
    }
    expect(calmOf(held, earlier)).toBe(earlier)
    const back = at(calmSizeMin + 1, 9, -5000)
    expect(calmOf(held, back)).toBe(back)
  })

  it('is live at once when it comes back from the past, though the page still shows the past for a frame', () => {
    const past = { ...at(calmSizeMin + 1, 2, 0), isPast: true }
    const stillPast = calmOf(past, { ...past, nowMs: 9000, isPast: false }, 3000)
    expect(stillPast.state).toBe(past.state)
    const live = at(calmSizeMin + 1, 9, 9000)
    expect(calmOf(stillPast, live, 3000)).toBe(live)
    expect(calmOf(live, at(calmSizeMin + 1, 10, 9000), 3000)).toBe(live)
  })
})

describe('rows that follow what comes', () => {
  const drawn = (position: number, drawnMs: number) => ({ state: { ...emptySession(), position }, drawnMs })

  it('are drawn at once while a reader can follow', () => {
    expect(isDue(drawn(100, 0), drawn(100 + pacedRecordsMin, 16))).toBe(true)
  })

  it('are drawn twice a second when records come faster', () => {
    const many = 100 + pacedRecordsMin + 1
    expect(isDue(drawn(100, 0), drawn(many, 16))).toBe(false)
    expect(isDue(drawn(100, 0), drawn(many, pacePeriodMs))).toBe(true)
  })

  it('are drawn at once when another session was opened', () => {
    expect(isDue(drawn(5000, 0), drawn(3, 16))).toBe(true)
  })
})

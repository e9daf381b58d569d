/** A task's life in words: every kind of change of a record is told, and only what happened. */
import { describe, expect, it } from 'vitest'
import {
  cancelAsked,
  cancelled,
  claimed,
  completed,
  failed,
  handedBack,
  renewed,
  replayed,
  retried,
  type TaskRecord,
  takenOver,
} from '../../../src/domain/task-record.ts'
import type { EntryVersion } from '../../../src/inspector/page/model/session-state.ts'
import { recordLines, storyOf } from '../../../src/inspector/page/panes/task-story.ts'
import { submitted } from './submitted-task.ts'

const lease = (renewedAtMs: number) => ({ leaseMs: 15_000, bootId: 'boot', renewedAtMs })
const owner = (worker: string) => ({ worker, incarnation: `${worker}-1` })
const fault = { name: 'Error', message: 'no route to host' }

/** Versions of one record, one millisecond apart, by the given writer. */
function versionsOf(...values: readonly (TaskRecord | null | 'junk')[]): EntryVersion[] {
  return values.map((value, index) => ({
    revision: index + 1,
    atMs: 1000 + index,
    position: index * 10,
    entry: {
      value,
      version: { w: index + 1 },
      timestamp: 1000 + index,
      workerId: 'writer',
      ...(value === null ? { x: { v: 1 as const, d: ['w', index + 1, 'i'] as const, t: 1 as const } } : undefined),
    },
  }))
}

const textsOf = (...values: readonly (TaskRecord | null | 'junk')[]): string[] =>
  recordLines(versionsOf(...values)).map(({ text }) => text)

describe('the story of a task', () => {
  it('goes from the queue to its end', () => {
    const running = claimed(submitted, owner('worker-a'), lease(1))
    expect(textsOf(submitted, running, completed(running, 9))).toEqual([
      'alpha put it into the queue',
      'worker-a claimed it (epoch 1, attempt 1 of 3)',
      'worker-a completed it',
    ])
  })

  it('tells a takeover by who lost it and who took it over', () => {
    const running = claimed({ ...submitted, epoch: 1 }, owner('worker-a'), lease(1))
    const taken = takenOver(running, 5)
    const again = claimed(taken, owner('worker-b'), lease(2))
    const lines = recordLines(versionsOf(running, taken, again))
    expect(lines.map(({ text }) => text)).toEqual([
      'first seen while worker-a ran it, at epoch 2',
      'worker-a lost it at epoch 2: its lease was over',
      'worker-b took it over (epoch 4, attempt 2 of 3)',
    ])
    expect(lines.map(({ tone }) => tone)).toEqual(['plain', 'warning', 'warning'])
  })

  it('tells a takeover whose halves were not seen apart', () => {
    const running = claimed(submitted, owner('worker-a'), lease(1))
    const again = claimed(takenOver(running, 5), owner('worker-b'), lease(2))
    expect(textsOf(running, again)[1]).toBe(
      'worker-a lost it at epoch 1: its lease was over; worker-b took it over (epoch 3, attempt 2 of 3)',
    )
  })

  it('does not call a later claim a takeover', () => {
    const taken = takenOver(claimed(submitted, owner('worker-a'), lease(1)), 5)
    const second = claimed(taken, owner('worker-b'), lease(2))
    const third = claimed(retried(second, fault, moment(2000)), owner('worker-c'), lease(3))
    expect(textsOf(second, retried(second, fault, moment(2000)), third)[2]).toBe('worker-c claimed it (epoch 4, attempt 3 of 3)')
  })

  it('says renewals in a row once, with their number and the last place', () => {
    const running = claimed(submitted, owner('worker-a'), lease(1))
    const lines = recordLines(versionsOf(running, renewed(running, lease(2)), renewed(running, lease(3)), completed(running, 9)))
    expect(lines.map(({ text, times, position }) => [text, times, position])).toEqual([
      ['first seen while worker-a ran it, at epoch 1', 1, 0],
      ['worker-a renewed its lease', 2, 20],
      ['worker-a completed it', 1, 30],
    ])
  })

  it.each([
    [
      'a failed attempt',
      (running: TaskRecord) => retried(running, fault, moment(3001)),
      'attempt 1 of 3 failed: no route to host; next one in 2.0 s',
    ],
    [
      'the last failure',
      (running: TaskRecord) => failed(running, fault, 5),
      'it failed for good after 1 of 3 attempts: no route to host',
    ],
    ['a hand-back', handedBack, 'worker-a gave it back; the attempt does not count'],
    ['a cancellation', (running: TaskRecord) => cancelled(running, 'too late', 5), 'it was cancelled: too late'],
    ['a wish to cancel', (running: TaskRecord) => cancelAsked(running, 'too late'), 'writer asked to cancel it: too late'],
    ['a write that changes nothing', (running: TaskRecord) => ({ ...running }), 'writer wrote its record again'],
  ])('tells %s', (_, change, text) => {
    const running = claimed(submitted, owner('worker-a'), lease(1))
    expect(textsOf(running, change(running))[1]).toBe(text)
  })

  it('tells a replay, and the end of a pause', () => {
    const dead = failed(claimed(submitted, owner('worker-a'), lease(1)), fault, 5)
    expect(textsOf(dead, replayed(dead, [7, 0, 'alpha']))[1]).toBe('writer put it back into the queue, with all its attempts')
    const paused: TaskRecord = { ...submitted, notBefore: moment(9000) }
    expect(textsOf(paused, submitted)[1]).toBe('writer ended its pause: it may be claimed at once')
  })

  it('says what is no record, and what was swept', () => {
    expect(textsOf('junk', null)).toEqual(['writer wrote something that is no task record', 'writer swept its record away'])
  })

  it('puts the transitions of its actors between, by their places', () => {
    const running = claimed(submitted, owner('worker-a'), lease(1))
    const placed = {
      position: 5,
      record: {
        type: 'transition' as const,
        source: 'a',
        seq: 1,
        atMs: 1000,
        address: 'task/job',
        event: { type: 'task.claim' },
        sender: null,
        from: 'pending',
        to: 'claiming',
        edges: [],
        actions: [],
        writes: [],
        status: 'active' as const,
        mailbox: 0,
        durationMs: 1,
      },
    }
    expect(storyOf(versionsOf(submitted, running), [placed]).map(({ kind, position }) => [kind, position])).toEqual([
      ['record', 0],
      ['transition', 5],
      ['record', 10],
    ])
  })
})

function moment(wallMs: number) {
  return { wallMs, bootId: 'boot', monotonicMs: 0 }
}

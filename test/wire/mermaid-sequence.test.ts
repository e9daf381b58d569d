import { describe, expect, it } from 'vitest'
import { mermaidSequence, sequenceParticipantsMax } from '../../src/wire/mermaid-sequence.ts'
import type { SourceRecord, TraceRecord, TransitionRecord } from '../../src/wire/trace-record.ts'

let seq = 0
const base = (source = 'a') => ({ source, seq: ++seq, atMs: 1 })
const source = (name: string, workerId: string): SourceRecord => ({
  ...base(name),
  type: 'source',
  kind: 'process',
  workerId,
  incarnation: name,
  pid: 1,
  host: null,
  namespace: 'task-sentinel',
  store: 'memory:',
})
const taken = (address: string, type: string, more: Partial<TransitionRecord> = {}): TransitionRecord => ({
  ...base(),
  type: 'transition',
  address,
  event: { type },
  sender: null,
  from: 'x',
  to: 'y',
  edges: [],
  actions: [],
  writes: [],
  status: 'active',
  mailbox: 0,
  durationMs: 0,
  ...more,
})

describe('records as a sequence diagram', () => {
  it('draws who sent what to whom, what was written and what was committed', () => {
    const entry = { value: 1, version: {}, timestamp: 1, workerId: 'w' }
    const text = mermaidSequence([
      source('a', 'host-1'),
      taken('worker/w', 'worker.start'),
      taken('task/1', 'task.claim', {
        sender: 'worker/w',
        writes: [{ key: 'ns/tasks/1/record', value: {} }, { key: 'ns/gone' }],
      }),
      { ...base('m'), type: 'change', key: 'ns/tasks/1/record', revision: 7, entry },
      { ...base('m'), type: 'change', key: 'ns/old', revision: 1, entry, isSnapshot: true },
      { ...base(), type: 'dead-letter', address: 'task/9', event: { type: 'task.late' } },
      { ...base(), type: 'gap', lost: 4, reason: 'slow-watcher' },
      { ...base(), type: 'source.lost', reason: 'it was killed' },
    ])
    expect(text.split('\n')).toEqual([
      'sequenceDiagram',
      '  participant p0 as outside',
      '  participant p1 as worker/w',
      '  participant p2 as task/1',
      '  participant p3 as memory',
      '  participant p4 as task/9',
      '  p0->>p1: worker.start',
      '  p1->>p2: task.claim',
      '  p2->>p3: ns/tasks/1/record',
      '  p2->>p3: delete ns/gone',
      '  note over p3: ns/tasks/1/record at revision 7 by w',
      '  p0-xp4: task.late (nobody is there)',
      '  note over p3: 4 records are missing (slow-watcher)',
      '  note over p3: host-1 is gone#58; it was killed',
    ])
  })

  it('names the process of an actor where there are several', () => {
    const text = mermaidSequence([
      source('a', 'one'),
      taken('task/1', 'x'),
      source('b', 'two'),
      { ...taken('task/1', 'x'), source: 'b' },
    ])
    expect(text).toContain('as task/1 @ one')
    expect(text).toContain('as task/1 @ two')
  })

  it('counts what it leaves out, of messages and of participants', () => {
    const many = Array.from({ length: 10 }, () => taken('task/1', 'x'))
    expect(mermaidSequence(many, { messagesMax: 4 })).toMatch(/: 6 more are not drawn$/)
    const crowd: TraceRecord[] = Array.from({ length: 100 }, (_, n) => taken(`task/${n}`, 'x'))
    const text = mermaidSequence(crowd)
    expect(text.match(/^ {2}participant /gm)).toHaveLength(sequenceParticipantsMax)
    expect(text).toMatch(/: 61 more are not drawn$/)
  })

  it('of nothing is an empty diagram', () => {
    expect(mermaidSequence([])).toBe('sequenceDiagram')
  })
})

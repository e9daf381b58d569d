import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordingSource } from '../../../../src/inspector/page/model/rebuilding-records.ts'
import { Recording } from '../../../../src/inspector/page/model/recording.ts'
import { exportLines, lineLengthMax, SessionFileReader } from '../../../../src/inspector/page/model/session-file.ts'
import {
  type ActorView,
  type EntryVersion,
  noticesMax,
  type SessionState,
} from '../../../../src/inspector/page/model/session-state.ts'
import { session } from './arbitrary-records.ts'
import { actor, change, ended, gap, memory, metrics, plain, source, transition } from './records.ts'

const head = '{"format":1,"product":"memory-sync","exportedAtMs":77}'

function recorded(records: Parameters<Recording['append']>[0], recordsMax = 200_000): Recording {
  const recording = new Recording({ recordsMax })
  recording.append(records)
  return recording
}

function textOf(recording: Recording): string {
  return [...exportLines(recording, 77)].map((line) => `${line}\n`).join('')
}

/** @param size of the pieces that the text comes in. */
function imported(text: string, size = 1000): { readonly recording: Recording; readonly reader: SessionFileReader } {
  const recording = new Recording()
  const reader = new SessionFileReader()
  for (let from = 0; from < text.length; from += size) recording.append(reader.read(text.slice(from, from + size)))
  recording.append(reader.end())
  return { recording, reader }
}

/** What a file can tell again of a state whose records were dropped. */
function rebuildable(state: SessionState) {
  const { position: _, atMs: __, ...rest } = plain(state)
  const version = ({ revision, entry, atMs }: EntryVersion) => ({ revision, entry, atMs })
  const gaps = state.gaps.filter((each) => each.source !== recordingSource)
  const toldHere = state.gaps.filter((each) => each.source === recordingSource).reduce((sum, { lost }) => sum + (lost ?? 0), 0)
  return {
    ...rest,
    entriesBytes: 0,
    keysByAge: [...state.entries.values()].sort((a, b) => a.current.position - b.current.position).map(({ key }) => key),
    gaps,
    lost: state.lost - toldHere,
    sources: inOrder(state.sources, ({ about: { seq: ___, ...about }, isLost, lostReason, metrics: figures }) => ({
      about,
      isLost,
      lostReason,
      figures,
    })),
    actors: inOrder(
      state.actors,
      ({ transitions: ___, lastEdges: ____, lastPosition: _____, lastMs: ______, mailbox: _______, ...kept }: ActorView) => kept,
    ),
    entries: inOrder(state.entries, ({ key, current, history }) => ({
      key,
      current: version(current),
      history: history.map(version),
    })),
  }
}

function inOrder<Value>(map: ReadonlyMap<string, Value>, shown: (value: Value) => unknown): unknown[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => shown(value))
}

describe('an exported session', () => {
  it('begins with what it is, then has one record a line', () => {
    const records = [source(), actor('a'), transition('a')]
    expect([...exportLines(recorded(records), 77)]).toEqual([head, ...records.map((record) => JSON.stringify(record))])
  })

  it('is the same session when it is read again, however its text is cut into pieces', () => {
    fc.assert(
      fc.property(session, fc.integer({ min: 1, max: 400 }), (records, size) => {
        const before = recorded(records)
        const { recording, reader } = imported(textOf(before), size)
        expect(plain(recording.liveState)).toEqual(plain(before.liveState))
        expect(reader).toMatchObject({ records: records.length, ignored: 0, exportedAtMs: 77 })
        expect(textOf(recording)).toBe(textOf(before))
      }),
      { numRuns: 100 },
    )
  })

  it('opens complete when its own beginning was dropped', () => {
    fc.assert(
      fc.property(fc.array(session, { minLength: 1, maxLength: 4 }), (batches) => {
        const before = recorded(batches.flat(), 20)
        const { recording } = imported(textOf(before))
        expect(rebuildable(recording.liveState)).toEqual(rebuildable(before.liveState))
      }),
      { numRuns: 150 },
    )
  })

  it('says how many records are missing at its beginning', () => {
    const before = recorded(
      Array.from({ length: 40 }, (_, index) => change('k', index + 1, index)),
      20,
    )
    const { gaps, lost } = imported(textOf(before)).recording.liveState
    expect(gaps).toEqual([{ type: 'gap', source: recordingSource, seq: 0, atMs: 1000, lost: before.dropped, reason: 'limit' }])
    expect(lost).toBe(before.dropped)
  })

  it('knows what was lost in gaps that are not kept any more', () => {
    const gaps = Array.from({ length: noticesMax + 7 }, () => gap({ lost: 2 }))
    const before = recorded([...gaps, ...Array.from({ length: 20 }, (_, index) => change('k', index + 1, index))], 20)
    const after = imported(textOf(before)).recording.liveState
    expect(before.liveState.lost).toBe(2 * gaps.length)
    expect(after.lost).toBe(2 * gaps.length + before.dropped)
  })

  it('has every kind of thing at the oldest state that is still there', () => {
    const before = recorded(
      [
        source(),
        memory(),
        source({ source: 'gone', atMs: 5 }),
        actor('task/1', { parent: 'root', context: { a: 1 }, state: { x: 'y' } }),
        actor('task/2'),
        ended('task/2', { how: 'crashed' }),
        actor('task/3', { source: 'gone' }),
        metrics({ transitions: 5 }),
        change('k', 1, 'one'),
        change('k', 2, 'two'),
        gap({ lost: null }),
        { type: 'source.lost', source: 'gone', seq: 3, atMs: 900, reason: 'killed' },
        ...Array.from({ length: 40 }, () => metrics({ transitions: 6 })),
      ],
      8,
    )
    expect(before.firstPosition).toBeGreaterThan(12)
    const after = imported(textOf(before)).recording.liveState
    expect(rebuildable(after)).toEqual(rebuildable(before.liveState))
    expect(after.actors.get('p|task/1')).toMatchObject({ state: { x: 'y' }, context: { a: 1 }, status: 'active' })
    expect(after.actors.get('p|task/2')?.status).toBe('error')
    expect(after.actors.get('gone|task/3')?.status).toBe('lost')
    expect(after.entries.get('k')?.history).toHaveLength(1)
  })
})

describe('reading a session’s file', () => {
  const read = (text: string) => imported(text)
  const line = JSON.stringify(actor('a'))

  it('takes what servers write: another head, empty lines, Windows line ends, a mark at the beginning', () => {
    const { recording, reader } = read(`\uFEFF{"format":1,"version":"0.1.0","exportedAtMs":5}\r\n\r\n${line}\r\n`)
    expect(recording.endPosition).toBe(1)
    expect(reader.notice).toBeNull()
    expect(reader.exportedAtMs).toBe(5)
  })

  it('leaves out a last line that was cut, and says so', () => {
    const { recording, reader } = read(`${head}\n${line}\n${line.slice(0, 20)}`)
    expect(recording.endPosition).toBe(1)
    expect(reader.notice).toBe('The file ends in the middle of line 3: that record is missing, and what followed it.')
  })

  it('takes a last line that is whole, though nothing ends it', () => {
    const { recording, reader } = read(`${head}\n${line}`)
    expect(recording.endPosition).toBe(1)
    expect(reader.notice).toBeNull()
  })

  it('leaves out records of newer types, and says how many', () => {
    const { recording, reader } = read(`${head}\n{"type":"dream","source":"p","seq":1,"atMs":1}\n${line}\n17\n`)
    expect(recording.endPosition).toBe(1)
    expect(reader.notice).toBe('2 lines are no records that this page knows.')
  })

  it('says that a session holds nothing', () => {
    expect(read(`${head}\n`).reader.notice).toBe('The file holds no records.')
  })

  it.each([
    ['a newer format', '{"format":2,"product":"memory-sync"}\n', 'not_supported', 'format 2, and this page reads format 1'],
    [
      'a file of something else',
      '{"format":1,"product":"other"}\n',
      'corrupt',
      String.raw`{\"format\":1,\"product\":\"other\"}`.replaceAll('\\', ''),
    ],
    ['a file without a head', `${line}\n`, 'corrupt', 'line 1 is not the header'],
    ['a list', '[1]\n', 'corrupt', 'line 1 is not the header of a session, [1]'],
    ['a text', 'hello\n', 'corrupt', 'line 1 is no JSON, "hello"'],
    ['a text of one line', 'hello', 'corrupt', 'line 1 is no JSON, "hello"'],
    ['an empty file', '', 'corrupt', 'the file is empty'],
    ['a broken line in the middle', `${head}\n${line}\n{"type":\n${line}\n`, 'corrupt', 'line 3 is no JSON, "{\\"type\\":"'],
  ])('refuses %s', (_, text, code, message) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })

  it('refuses a line without end before it fills the memory', () => {
    const reader = new SessionFileReader()
    reader.read(`${head}\n`)
    const piece = 'x'.repeat(lineLengthMax / 4)
    expect(() => {
      for (let count = 0; count < 6; count++) reader.read(piece)
    }).toThrow(expect.objectContaining({ code: 'too_large', message: expect.stringContaining('line 2 is longer') }))
  })
})

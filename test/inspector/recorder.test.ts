import { describe, expect, it } from 'vitest'
import { Cursor, type Piece, parsePlace, placeText } from '../../src/inspector/cursor.ts'
import { SessionFileReader } from '../../src/inspector/page/model/session-file.ts'
import { lostSourcesMax, Present } from '../../src/inspector/present.ts'
import { Recorder } from '../../src/inspector/recorder.ts'
import { exportChunks, followChunks } from '../../src/inspector/session-lines.ts'
import { eventRecordsMax } from '../../src/wire/inspector-api.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { brief, Teller } from './records.ts'

const head = {
  format: 1,
  product: 'memory-sync',
  version: '0',
  namespace: 'task-sentinel',
  store: 'memory:',
  exportedAtMs: 5,
} as const
const limits = { recordsMax: 1000, bytesMax: 10_000_000 }

function recorded(records: readonly TraceRecord[], given = limits): Recorder {
  const recorder = new Recorder('epoch', given)
  recorder.append(records)
  return recorder
}

/** All that a cursor has to give now. */
function pieces(cursor: Cursor): Piece[] {
  const all: Piece[] = []
  for (let piece = cursor.next(); piece !== null; piece = cursor.next()) all.push(piece)
  return all
}

function briefs(given: readonly Piece[]): string[] {
  return given.flatMap((piece) =>
    piece.type === 'records' ? piece.lines.map((line) => brief(JSON.parse(line) as TraceRecord)) : [piece.type],
  )
}

describe('what there is', () => {
  it('is told source by source: charts, actors as they are now, then the memory', () => {
    const teller = new Teller()
    const memory = new Teller('m')
    const present = new Present()
    const told = [
      teller.about(),
      memory.about(),
      teller.actor('task/1'),
      teller.actor('task/2'),
      memory.change('k/1', 'old'),
      teller.taken('task/1', 'processing', { context: { n: 1 } }),
      teller.taken('task/1', 'settling'),
      teller.ended('task/2'),
      memory.change('k/2', 'gone'),
      memory.change('k/2', null),
      memory.change('k/1', 'new', 2),
    ]
    for (const record of told) present.apply(record)
    const records = present.records()
    expect(records.map(brief)).toEqual(['source', 'task/1 is "settling"', 'source', 'k/1 = "new"'])
    expect(records[1]).toMatchObject({ context: { n: 1 } })
    expect(records[3]).toMatchObject({ isSnapshot: true, revision: 2 })
    // With the number of the source's newest record: what follows has the next one.
    expect(records.map(({ seq }) => seq)).toEqual([6, 6, 5, 5])
  })

  it('does not change under who is still sending it', () => {
    const teller = new Teller()
    const present = new Present()
    for (const record of [teller.about(), teller.actor('task/1')]) present.apply(record)
    const records = present.records()
    const before = JSON.stringify(records)
    for (const record of [teller.taken('task/1', 'failed', { context: 'other' }), teller.ended('task/1')]) present.apply(record)
    expect(JSON.stringify(records)).toBe(before)
  })

  it('of a source that is gone is that it is gone; only the newest of these are kept', () => {
    const present = new Present()
    for (let n = 0; n < lostSourcesMax + 5; n++) {
      const teller = new Teller(`s${n}`)
      for (const record of [teller.about(), teller.actor('task/1'), teller.lost()]) present.apply(record)
    }
    const records = present.records()
    expect(new Set(records.map(brief))).toEqual(new Set(['source', 'source.lost']))
    expect(records).toHaveLength(2 * lostSourcesMax)
    expect(records.at(-1)).toMatchObject({ source: `s${lostSourcesMax + 4}` })
  })

  it('has a bound of keys', () => {
    const memory = new Teller('m')
    const present = new Present(10)
    present.apply(memory.about())
    for (let n = 0; n < 20; n++) present.apply(memory.change(`k/${n}`, 'v'))
    expect(present.records()).toHaveLength(1 + 10)
    // What is known already may change.
    present.apply(memory.change('k/0', 'other'))
    expect(present.records().map(brief)).toContain('k/0 = "other"')
  })
})

describe('the recording', () => {
  it('keeps no more records than it may, and knows what there was before the first that it keeps', () => {
    const teller = new Teller()
    const recorder = new Recorder('e', limits)
    recorder.append([teller.about(), teller.actor('task/1')])
    for (let n = 0; n < 5000; n++) recorder.append([teller.taken('task/1', `s${n}`)])
    expect(recorder.end).toBe(5002)
    expect(recorder.end - recorder.first).toBeLessThanOrEqual(limits.recordsMax)
    expect(recorder.end - recorder.first).toBeGreaterThan(limits.recordsMax / 2)
    const [first] = recorder.lines(recorder.first, 1, 1)
    const firstKept = Number(/"to":"s(\d+)"/.exec(first ?? '')?.[1])
    expect(recorder.before().map(brief)).toEqual(['source', `task/1 is "s${firstKept - 1}"`])
    expect(recorder.now().map(brief)).toEqual(['source', 'task/1 is "s4999"'])
  })

  it('keeps no more bytes than it may, whatever one record has', () => {
    const teller = new Teller()
    const recorder = new Recorder('e', { recordsMax: 100_000, bytesMax: 100_000 })
    for (let n = 0; n < 300; n++) {
      recorder.append([teller.taken('task/1', 'x', { context: 'c'.repeat(n % 7 === 0 ? 30_000 : 10) })])
      expect(recorder.bytes).toBeLessThanOrEqual(100_000)
    }
    const kept = recorder.lines(recorder.first, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    expect(kept).toHaveLength(recorder.end - recorder.first)
    expect(recorder.bytes).toBe(kept.join('').length)
  })
})

describe('a reader', () => {
  it('begins with all that is recorded, hears "live", and then everything that comes, once', () => {
    const teller = new Teller()
    const recorder = recorded([teller.about(), teller.actor('task/1'), teller.taken('task/1', 'a')])
    const cursor = new Cursor(recorder, null)
    recorder.append([teller.taken('task/1', 'b')])
    expect(briefs(pieces(cursor))).toEqual(['source', 'task/1 is "pending"', 'task/1 to "a"', 'task/1 to "b"', 'live'])
    recorder.append([teller.taken('task/1', 'c')])
    expect(briefs(pieces(cursor))).toEqual(['task/1 to "c"'])
    expect(cursor.next()).toBeNull()
  })

  it('begins with what there was before the oldest record that is kept', () => {
    const teller = new Teller()
    const recorder = recorded([teller.about(), teller.actor('task/1')], { recordsMax: 100, bytesMax: 1_000_000 })
    for (let n = 0; n < 500; n++) recorder.append([teller.taken('task/1', `s${n}`)])
    const given = briefs(pieces(new Cursor(recorder, null)))
    const kept = recorder.end - recorder.first
    const told = Array.from({ length: kept }, (_, n) => `task/1 to "s${500 - kept + n}"`)
    expect(given).toEqual(['source', `task/1 is "s${499 - kept}"`, ...told, 'live'])
  })

  it('goes on behind any place without a gap', () => {
    const teller = new Teller()
    const recorder = recorded([teller.about(), teller.actor('task/1')], { ...limits, recordsMax: 10_000 })
    for (let n = 0; n < 2 * eventRecordsMax; n++) recorder.append([teller.taken('task/1', `s${n}`)])
    const heard: string[] = []
    let place = parsePlace('epoch:2')
    // As a page whose connection breaks after every message.
    for (;;) {
      const piece = new Cursor(recorder, place).next()
      if (piece?.type === 'live') break
      if (piece?.type !== 'records' || piece.place === null) throw new Error(`got ${piece?.type}`)
      expect(piece.lines.length).toBeLessThanOrEqual(eventRecordsMax)
      heard.push(...briefs([piece]))
      place = parsePlace(placeText(piece.place))
    }
    expect(heard).toEqual(Array.from({ length: 2 * eventRecordsMax }, (_, n) => `task/1 to "s${n}"`))
  })

  it('is told how many it missed, and begins anew, when its place is gone', () => {
    const teller = new Teller()
    const recorder = recorded([teller.about(), teller.actor('task/1')], { recordsMax: 100, bytesMax: 1_000_000 })
    const slow = new Cursor(recorder, null)
    pieces(slow)
    for (let n = 0; n < 500; n++) recorder.append([teller.taken('task/1', `s${n}`)])
    const late = pieces(new Cursor(recorder, { epoch: 'epoch', place: 2 }))
    expect(late[0]).toEqual({ type: 'reset', lost: recorder.first - 2 })
    expect(briefs(late)).toEqual(['reset', ...briefs(pieces(new Cursor(recorder, null)))])
    // One that was connected all the time and did not read would be too slow for all of it again.
    const behind = pieces(slow)
    expect(behind[0]).toEqual({ type: 'reset', lost: 500 })
    expect(briefs(behind)).toEqual(['reset', 'source', 'task/1 is "s499"', 'live'])
  })

  it.each([
    ['of another recording', { epoch: 'other', place: 1 }],
    ['that was never reached', { epoch: 'epoch', place: 99 }],
  ])('with a place %s is told that nobody knows what it missed', (_, place) => {
    const recorder = recorded([new Teller().about()])
    expect(pieces(new Cursor(recorder, place))[0]).toEqual({ type: 'reset', lost: null })
  })

  it('that falls behind while it begins, begins again', () => {
    const teller = new Teller()
    const actors = Array.from({ length: 2000 }, (_, n) => teller.actor(`task/${n}`))
    const recorder = recorded([teller.about(), ...actors], { recordsMax: 100, bytesMax: 10_000_000 })
    const cursor = new Cursor(recorder, null)
    expect(cursor.next()).toMatchObject({ type: 'records', place: null })
    recorder.append(Array.from({ length: 200 }, () => teller.taken('task/1', 'late')))
    const given = briefs(pieces(cursor))
    expect(given[0]).toBe('reset')
    expect(given).toContain('task/1 is "late"')
    expect(given.filter((text) => text === 'live')).toHaveLength(1)
  })

  it.each(['', 'x', 'epoch', 'epoch:', ':1', 'epoch:-1', 'epoch:1e9', 'e p:1', '__proto__:1', 'epoch:1:2'])(
    'takes %j for no place',
    (text) => {
      expect(parsePlace(text)).toBeNull()
    },
  )
})

describe('an exported session', () => {
  /** As the page does. */
  function read(text: string): string[] {
    const reader = new SessionFileReader()
    const records = [...reader.read(text), ...reader.end()]
    expect(reader.notice).toBeNull()
    return records.map(brief)
  }

  it('is all that is kept, explains itself, and is read by the page', () => {
    const teller = new Teller()
    const recorder = recorded([teller.about(), teller.actor('task/1')], { recordsMax: 100, bytesMax: 1_000_000 })
    for (let n = 0; n < 500; n++) recorder.append([teller.taken('task/1', `s${n}`)])
    const text = [...exportChunks(recorder, head)].join('')
    expect(JSON.parse(text.slice(0, text.indexOf('\n')))).toEqual(head)
    const records = read(text)
    expect(records.slice(0, 2)).toEqual(['source', expect.stringMatching(/^task\/1 is "s\d+"$/)])
    expect(records).toHaveLength(2 + recorder.end - recorder.first)
    expect(records.at(-1)).toBe('task/1 to "s499"')
  })

  it('says what is missing when it is read too slowly', () => {
    const teller = new Teller()
    const recorder = recorded([teller.about(), teller.actor('task/1')], { recordsMax: 1000, bytesMax: 10_000_000 })
    for (let n = 0; n < 998; n++) recorder.append([teller.taken('task/1', `s${n}`)])
    const chunks = exportChunks(recorder, head)
    let text = ''
    for (let n = 0; n < 2; n++) text += chunks.next().value
    for (let n = 0; n < 5000; n++) recorder.append([teller.taken('task/1', `late${n}`)])
    for (const chunk of chunks) text += chunk
    const records = read(text)
    expect(records.at(-1)).toBe(`gap ${1000 - eventRecordsMax} slow-watcher`)
  })

  it('that is followed has what came, until its end', async () => {
    const teller = new Teller()
    const recorder = recorded([teller.about()])
    const end = new AbortController()
    let text = ''
    const following = (async () => {
      for await (const chunk of followChunks(recorder, head, end.signal)) {
        text += chunk
        if (text.includes('"s1"')) end.abort()
        else recorder.append([teller.taken('task/1', text.includes('"s0"') ? 's1' : 's0')])
      }
    })()
    await following
    expect(read(text).at(-1)).toBe('task/1 to "s1"')
  })
})

import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { Cursor, pieceCharactersMax } from '../../src/inspector/cursor.ts'
import { aliveMs, gatherMs, PageStream, stalledMsMax } from '../../src/inspector/page-stream.ts'
import { Recorder } from '../../src/inspector/recorder.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { recordBytesMax } from '../../src/wire/trace-record.ts'
import { Teller } from './records.ts'

/** A connection whose other end reads only when it is told to. */
class Connection extends Writable {
  text = ''
  reads = true
  #waiting: (() => void) | null = null

  constructor() {
    super({ highWaterMark: 1024 })
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    if (this.reads) done()
    else this.#waiting = done
  }

  readAll(): void {
    this.reads = true
    this.#waiting?.()
  }

  /** What was sent: `event id` of each message, comments as they are. */
  get messages(): string[] {
    return this.text
      .split('\n\n')
      .filter((text) => text !== '')
      .map((text) => {
        if (text.startsWith(':')) return text
        const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
        return `${field('event') || 'records'} ${field('id')}`.trim()
      })
  }
}

function open(place: number | null = null, limits = { recordsMax: 1000, bytesMax: 100_000_000 }) {
  const clock = createVirtualClock()
  const teller = new Teller()
  const recorder = new Recorder('e', limits)
  recorder.append([teller.about(), teller.actor('task/1')])
  const output = new Connection()
  const { onAppend } = recorder
  let listeners = 0
  recorder.onAppend = (listener) => {
    const forget = onAppend.call(recorder, listener)
    listeners++
    return () => {
      listeners--
      return forget()
    }
  }
  let ends = 0
  const cursor = new Cursor(recorder, place === null ? null : { epoch: 'e', place })
  const stream = new PageStream({ clock, recorder, cursor, output, onEnd: () => ends++ })
  return { clock, teller, recorder, output, stream, ends: () => ends, listeners: () => listeners }
}

/** Streams tell what happened in a turn of their own. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('a page is told what there is, and then what is new, gathered, each with its place', async () => {
  const { clock, teller, recorder, output } = open()
  expect(output.messages).toEqual(['records e:2', 'live e:2'])
  for (let n = 0; n < 10; n++) recorder.append([teller.taken('task/1', `s${n}`)])
  expect(output.messages).toHaveLength(2)
  await clock.advance(gatherMs)
  expect(output.messages).toEqual(['records e:2', 'live e:2', 'records e:12'])
})

it('a quiet stream is kept alive', async () => {
  const { clock, output } = open(2)
  await clock.advance(2 * aliveMs)
  expect(output.messages).toEqual(['live e:2', ': alive', ': alive'])
})

it('a page that reads nothing costs one piece, is told what it missed when it reads again', async () => {
  const { clock, teller, recorder, output } = open(null)
  output.reads = false
  for (let n = 0; n < 3000; n++) {
    recorder.append([teller.taken('task/1', `s${n}`, { context: 'c'.repeat(4000) })])
    if (n % 100 === 0) await clock.advance(gatherMs / 10)
  }
  await clock.advance(gatherMs)
  expect(output.writableLength).toBeGreaterThan(0)
  expect(output.writableLength).toBeLessThan(pieceCharactersMax + recordBytesMax)
  output.readAll()
  await settled()
  expect(output.messages).toContain('reset')
  expect(output.messages.at(-1)).toBe('live e:3002')
})

it('a page that reads nothing for too long is disconnected, and nothing is left of it', async () => {
  const { clock, teller, recorder, output, ends } = open()
  output.reads = false
  recorder.append([teller.taken('task/1', 'x', { context: 'c'.repeat(4000) })])
  await clock.advance(stalledMsMax)
  expect(output.destroyed).toBe(false)
  await clock.advance(gatherMs)
  expect(output.destroyed).toBe(true)
  await settled()
  expect(ends()).toBe(1)
  recorder.append([teller.taken('task/1', 'y')])
  expect(clock.pending).toBe(0)
})

it('the end of the connection is the end of the stream', async () => {
  const { clock, output, ends, listeners } = open()
  expect(listeners()).toBe(1)
  output.destroy(new Error('reset by peer'))
  await settled()
  expect({ ends: ends(), listeners: listeners() }).toEqual({ ends: 1, listeners: 0 })
  expect(clock.pending).toBe(0)
})

/** The doubles against what the real servers were heard to say: every recorded line, in order, is done again and compared. */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { describe, expect, test } from 'vitest'
import { connect } from './connect.ts'
import { withoutVolatile } from './normalise.ts'
import { type Got, isNonAscii, replay } from './replay.ts'
import { memoryTable } from './table.ts'
import { claudeFlowV2, type V2Row } from './v2.ts'
import { claudeFlowV3, type V3Row } from './v3.ts'
import { readWire, type WireLine, type WireVersion } from './wire.ts'

/** Time that the recording sets. */
class RecordedClock {
  nowMs = Date.parse('2026-11-22T09:51:03.000Z')
  wallMs = () => this.nowMs
}

/** The recording's reply as a line of it would be made of what came back now: the members that `Got` has. */
function recorded(line: WireLine): Got {
  const { title, tool, args, extra, ...rest } = line
  return rest
}

/**
 * When the first of these lines that says so was answered. A cut one says only when what it lists was stored, in whole seconds, which
 * is what its unrecorded stores need.
 */
function timeOf(lines: readonly WireLine[]): number | undefined {
  for (const { text = '' } of lines) {
    const time = /"timestamp": "([^"]*)"/.exec(text) ?? /"(?:createdAt|updatedAt)": "([^"]*)"/.exec(text)
    if (time !== null) return Date.parse(time[1] as string)
  }
  return undefined
}

/** Equal, or equal as far as the recording goes and of the length that it names. */
function expectText(got: unknown, wanted: unknown, title: string): void {
  const cut = cutOf(wanted)
  if (cut === null) expect(got, title).toBe(wanted)
  else {
    expect(String(got).slice(0, cut.beginning.length), title).toBe(cut.beginning)
    expect(String(got).length, title).toBe(cut.beginning.length + cut.leftOut)
  }
}

/** As above where lengths cannot be compared, because something volatile was taken out. */
function expectBeginning(got: unknown, wanted: unknown, title: string): void {
  const cut = cutOf(wanted)
  const compared = (text: unknown) => (typeof text === 'string' ? withoutVolatile(text) : text)
  if (cut === null) expect(compared(got), title).toBe(compared(wanted))
  else {
    // The last line may have been cut in the middle of something volatile.
    const lines = cut.beginning.split('\n')
    const beginning = withoutVolatile(lines.length > 1 ? lines.slice(0, -1).join('\n') : cut.beginning)
    expect(String(compared(got)).slice(0, beginning.length), title).toBe(beginning)
  }
}

/** Long replies were recorded by their beginning and how many characters followed. */
function cutOf(text: unknown): { beginning: string; leftOut: number } | null {
  const cut = typeof text === 'string' ? /…\(\+(\d+)\)$/.exec(text) : null
  return cut === null ? null : { beginning: cut.input.slice(0, cut.index), leftOut: Number(cut[1]) }
}

async function expectHeader(client: Client, version: WireVersion): Promise<void> {
  const { header } = readWire(version)
  expect(client.getServerVersion()).toEqual(header.serverInfo)
  expect(client.getServerCapabilities()).toEqual(header.capabilities)
  expect((await client.listTools()).tools).toEqual(header.memoryTools)
}

describe.each(['2.0.0', '2.7.47'] as const)('claude-flow %s', (version) => {
  const { lines } = readWire(version)

  test('introduces itself as recorded', async () => {
    await expectHeader(await connect(claudeFlowV2({ version, clock: new RecordedClock() })), version)
  })

  test(`answers ${lines.length} recorded lines, text for text`, async () => {
    const clock = new RecordedClock()
    const table = memoryTable<V2Row>()
    const sessionId = /session-cf-[\w-]+/.exec(JSON.stringify(lines))?.[0] as string
    const open = () => connect(claudeFlowV2({ version, clock, table, sessionId }))
    const before = async (_line: WireLine, index: number) => {
      clock.nowMs = timeOf(lines.slice(index)) ?? clock.nowMs
    }
    let compared = 0
    for await (const { line, got } of replay(lines, { open, before })) {
      compared++
      const { title } = line
      const wanted = recorded(line)
      // What a pipe did to these is shown by `fixture.test.ts`; here there is no pipe.
      if (title.startsWith('non-ascii long integrity')) {
        expect(got).toMatchObject({ ok: true, gotLen: line.wantLen, replacementChars: 0 })
        continue
      }
      const text = isNonAscii(line)
        ? String(wanted.text).replace(/"size": \d+/, `"size": ${title.split(' ').at(-1)}`)
        : wanted.text
      expectText(got.text, text, title)
      expect({ ...got, text: 0 }, title).toEqual({ ...wanted, text: 0 })
    }
    expect(compared).toBe(lines.length)
  })
})

describe('claude-flow 3.43.0', () => {
  const { lines } = readWire('3.43.0')

  test('introduces itself as recorded', async () => {
    await expectHeader(await connect(claudeFlowV3({ clock: new RecordedClock() })), '3.43.0')
  })

  test(`answers ${lines.length} recorded lines, but for times and embeddings`, async () => {
    const clock = new RecordedClock()
    const table = memoryTable<V3Row>()
    // Its lists are in the order of time, which moves between any two calls.
    const open = () => connect(claudeFlowV3({ table, clock: { wallMs: () => ++clock.nowMs } }))
    let compared = 0
    for await (const { line, got } of replay(lines, { open })) {
      compared++
      const wanted = recorded(line)
      expectBeginning(got.text, wanted.text, line.title)
      expect({ ...got, text: 0 }, line.title).toEqual({ ...wanted, text: 0 })
    }
    expect(compared).toBe(lines.length)
  })
})

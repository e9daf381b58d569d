import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { AuditLog, auditBytesMax } from '../../src/cli/audit-log.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'
import { CommandLine, jsonLines } from './command-line.ts'

const files = new CommandLine()
const clock = createVirtualClock({ startMs: Date.UTC(2026, 0, 2) })
const time = '2026-01-02T00:00:00.000Z'

describe('the audit log', () => {
  it('appends a line for each call, with its time', async () => {
    const path = files.write('log', '{"before":true}\n')
    const log = new AuditLog(path, clock)
    log.line({ tool: 'a', subject: 'line\nbreak' })
    log.line({ tool: 'b' })
    await log.close()
    expect(jsonLines(readFileSync(path, 'utf8'))).toEqual([
      { before: true },
      { time, tool: 'a', subject: 'line\nbreak' },
      { time, tool: 'b' },
    ])
  })

  it('holds no more for a slow disk than its bound, and says how many lines that cost', () => {
    const written: string[] = []
    let release: (() => void) | null = null
    const slow = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk.toString())
        release = done
      },
    })
    const log = new AuditLog(slow, clock)
    const subject = 'x'.repeat(1024 * 1024)
    const linesThatFit = Math.ceil(auditBytesMax / subject.length)
    for (let n = 0; n < linesThatFit + 2; n++) log.line({ subject })
    expect(slow.writableLength).toBeLessThan(auditBytesMax + 2 * subject.length)
    for (let next = release as (() => void) | null; next !== null; ) {
      release = null
      next()
      next = release
    }
    log.line({ tool: 'after' })
    expect(written.map((line) => line.slice(0, 60))).toHaveLength(linesThatFit + 1)
    ;(release as (() => void) | null)?.()
    expect(JSON.parse(written.at(-2) ?? '')).toEqual({ time, lost: 2 })
  })

  it('tells when its file takes nothing', async () => {
    const log = new AuditLog(files.path('no/such/place'), clock)
    await expect(log.failed).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringMatching(/ENOENT/) })
    log.line({ tool: 'late' })
    await log.close()
  })
})

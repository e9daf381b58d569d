import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { consoleLogger, hostName, processId, systemClock, systemRandom } from '../src/platform.ts'

function nextTurn(): Promise<void> {
  return new Promise((resolve) => systemClock.defer(resolve))
}

describe('the system clock', () => {
  it('gives integer monotonic milliseconds that never fall', () => {
    let before = systemClock.monotonicMs()
    for (let look = 0; look < 10_000; look++) {
      const now = systemClock.monotonicMs()
      expect(Number.isSafeInteger(now) && now >= before).toBe(true)
      before = now
    }
  })

  it.runIf(process.platform === 'linux')('names the boot, and other processes read the same name and the same clock', () => {
    expect(systemClock.bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(systemClock.bootId).toBe(systemClock.bootId)
    const before = systemClock.monotonicMs()
    const script = `console.log(process.hrtime.bigint() / 1_000_000n + '')`
    const there = Number(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout)
    expect(there).toBeGreaterThanOrEqual(before)
    expect(there).toBeLessThanOrEqual(systemClock.monotonicMs())
  })

  it('fires a timer once, and not before its time is over by the same clock', async () => {
    for (const delayMs of [0, 1, 2, 5]) {
      const startedMs = systemClock.monotonicMs()
      await new Promise<void>((resolve) => systemClock.setTimer(delayMs, resolve))
      expect(systemClock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(delayMs)
    }
  })

  it('takes a negative delay, and one that is no number, as none', async () => {
    for (const delayMs of [-1, Number.NaN]) await new Promise<void>((resolve) => systemClock.setTimer(delayMs, resolve))
  })

  it('never fires a cancelled timer, and cancelling twice or late is harmless', async () => {
    let fired = 0
    const timer = systemClock.setTimer(1, () => fired++)
    timer.cancel()
    timer.cancel()
    await new Promise<void>((resolve) => systemClock.setTimer(5, resolve))
    expect(fired).toBe(0)
    const late = systemClock.setTimer(0, () => fired++)
    await new Promise<void>((resolve) => systemClock.setTimer(5, resolve))
    late.cancel()
    expect(fired).toBe(1)
  })

  it('defers to a later turn, after all promise jobs', async () => {
    const order: string[] = []
    const turn = nextTurn().then(() => order.push('deferred'))
    let chain = Promise.resolve()
    for (let job = 0; job < 100; job++) chain = chain.then(() => {})
    await Promise.all([turn, chain.then(() => order.push('promises'))])
    expect(order).toEqual(['promises', 'deferred'])
  })

  it('does not keep the process alive for a timer that says so', () => {
    const script = `import { systemClock } from './src/platform.ts'
      systemClock.setTimer(3_600_000, () => {}, { keepAlive: false })`
    const options = { encoding: 'utf8', timeout: 30_000, cwd: new URL('..', import.meta.url) } as const
    const ended = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], options)
    expect(ended.stderr).toBe('')
    expect(ended.status).toBe(0)
  })
})

describe('timers longer than Node can hold', () => {
  afterEach(() => vi.useRealTimers())

  it('fire when they are due, not at once', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] })
    const day = 24 * 60 * 60 * 1000
    const fired: number[] = []
    const startedMs = systemClock.monotonicMs()
    systemClock.setTimer(100 * day, () => fired.push(systemClock.monotonicMs() - startedMs))
    const cancelled = systemClock.setTimer(100 * day, () => fired.push(-1))
    vi.advanceTimersByTime(99 * day)
    expect(fired).toEqual([])
    cancelled.cancel()
    vi.advanceTimersByTime(day)
    expect(fired).toEqual([100 * day])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('system chance', () => {
  it('stays within [0, 1) and draws tokens of the length asked for from 32 letters', () => {
    const seen = new Set<string>()
    for (let draw = 0; draw < 1000; draw++) {
      const number = systemRandom.next()
      expect(number >= 0 && number < 1).toBe(true)
      const token = systemRandom.token(8)
      expect(token).toMatch(/^[a-z2-7]{8}$/)
      seen.add(token)
    }
    expect(seen.size).toBe(1000)
    expect(new Set(systemRandom.token(4000)).size).toBe(32)
    expect(systemRandom.token(0)).toBe('')
  })
})

describe('the console logger', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  function linesOf(write: () => void): string[] {
    const lines: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => {
      lines.push(line)
    })
    write()
    return lines
  }

  function writeAll(level?: Parameters<typeof consoleLogger>[0]): string[] {
    return linesOf(() => {
      const logger = consoleLogger(level)
      for (const name of ['debug', 'info', 'warn', 'error'] as const) logger[name](name)
    }).map((line) => line.split(' ')[1] as string)
  }

  it('writes warnings and errors unless told otherwise', () => {
    vi.stubEnv('MEMORY_SYNC_LOG', undefined)
    expect(writeAll()).toEqual(['warn', 'error'])
    expect(writeAll('debug')).toEqual(['debug', 'info', 'warn', 'error'])
    expect(writeAll('silent')).toEqual([])
  })

  it('obeys MEMORY_SYNC_LOG, and the argument before it', () => {
    vi.stubEnv('MEMORY_SYNC_LOG', 'info')
    expect(writeAll()).toEqual(['info', 'warn', 'error'])
    expect(writeAll('error')).toEqual(['error'])
  })

  it('says so when MEMORY_SYNC_LOG is no level', () => {
    vi.stubEnv('MEMORY_SYNC_LOG', 'loud')
    const [line] = linesOf(() => consoleLogger())
    expect(line).toContain('MEMORY_SYNC_LOG')
    expect(line).toContain('"loud"')
  })

  it('keeps one record on one line, whatever the message and the fields hold', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const lines = linesOf(() => {
      const logger = consoleLogger('debug')
      logger.error('two\nlines\r\nor three')
      logger.warn('fields', { text: 'a\nb', big: 1n, error: new Error('bad\nday', { cause: new Error('rain') }) })
      logger.warn('a cycle', { cycle })
      logger.info('100%s done', { nothing: undefined })
    })
    expect(lines).toHaveLength(4)
    for (const line of lines) expect(line).not.toMatch(/[\r\n]/)
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z error memory-sync: two\\nlines\\nor three$/)
    expect(lines[1]).toContain('"big":"1n"')
    expect(lines[1]).toContain('"message":"rain"')
    expect(lines[2]).toContain('cannot be shown')
    expect(lines[3]).toContain('100%s done {}')
  })
})

it('tells which process of which machine this is', () => {
  expect(processId()).toBe(process.pid)
  expect(hostName().length).toBeGreaterThan(0)
})

import { expect, it } from 'vitest'
import { Recorder } from '../../src/inspector/recorder.ts'
import { beginMsMax, graceMs, Session, type Watched } from '../../src/inspector/session.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

function watching(start: () => Promise<void> = () => Promise.resolve()) {
  const clock = createVirtualClock()
  const log: string[] = []
  const session = new Session(clock, (): Watched => {
    const epoch = `e${log.filter((line) => line.startsWith('begin')).length + 1}`
    log.push(`begin ${epoch}`)
    return {
      recorder: new Recorder(epoch, { recordsMax: 1000, bytesMax: 1_000_000 }),
      start,
      stop: async () => void log.push(`end ${epoch}`),
      send: async () => void log.push(`sent ${epoch}`),
    }
  })
  return { clock, log, session }
}

it('begins with the first who watches and is shared by all', async () => {
  const { clock, log, session } = watching()
  expect(session.recorder).toBeNull()
  const [one, two] = await clock.drive(Promise.all([session.join(), session.join()]))
  expect(one.recorder).toBe(two.recorder)
  expect(log).toEqual(['begin e1'])
  await session.close()
  expect(log).toEqual(['begin e1', 'end e1'])
})

it('goes on for a while after the last, so that a page which comes again goes on where it was', async () => {
  const { clock, log, session } = watching()
  const one = await clock.drive(session.join())
  const two = await clock.drive(session.join())
  one.leave()
  one.leave()
  await clock.advance(2 * graceMs)
  expect(log).toEqual(['begin e1'])
  two.leave()
  await clock.advance(graceMs - 1)
  const again = await clock.drive(session.join())
  expect(again.recorder).toBe(two.recorder)
  again.leave()
  await clock.advance(graceMs)
  expect(log).toEqual(['begin e1', 'end e1'])
  expect(session.recorder).toBeNull()
  expect(clock.pending).toBe(0)
})

it('is another one after its end', async () => {
  const { clock, session } = watching()
  const one = await clock.drive(session.join())
  one.leave()
  await clock.advance(graceMs)
  const two = await clock.drive(session.join())
  expect(two.recorder.epoch).not.toBe(one.recorder.epoch)
  // Who left the first one has no say in the second.
  one.leave()
  await clock.advance(2 * graceMs)
  expect(session.recorder).toBe(two.recorder)
})

it('keeps nobody waiting for a memory that does not answer', async () => {
  const { clock, session } = watching(() => new Promise(() => {}))
  expect(await clock.drive(session.join().then(() => clock.monotonicMs()))).toBeGreaterThan(0)
  await expect(clock.drive(session.join(), { limitMs: beginMsMax })).resolves.toBeDefined()
})

it('sends to whom it hears, and to nobody when it is over', async () => {
  const { clock, log, session } = watching()
  await expect(session.send('s', 'a', { type: 'x' })).rejects.toMatchObject({ code: 'not_supported' })
  await clock.drive(session.join())
  await session.send('s', 'a', { type: 'x' })
  expect(log).toContain('sent e1')
  await session.close()
  await expect(session.join()).rejects.toMatchObject({ code: 'closed' })
})

it('that was left before it could begin never begins, and its end waits for the one before', async () => {
  const clock = createVirtualClock()
  const log: string[] = []
  let release = (): void => {}
  let count = 0
  const session = new Session(clock, (): Watched => {
    const epoch = `e${++count}`
    return {
      recorder: new Recorder(epoch, { recordsMax: 1000, bytesMax: 1_000_000 }),
      start: async () => void log.push(`start ${epoch}`),
      stop() {
        log.push(`stop ${epoch}`)
        if (epoch !== 'e1') return Promise.resolve()
        return new Promise<void>((resolve) => {
          release = resolve
        })
      },
      send: async () => {},
    }
  })
  const one = await clock.drive(session.join())
  one.leave()
  await clock.advance(graceMs)
  const joining = session.join()
  const closed = session.close().then(() => log.push('closed'))
  await clock.advance(beginMsMax)
  await joining
  expect(log).toEqual(['start e1', 'stop e1', 'stop e2'])
  release()
  await closed
  expect(log).toEqual(['start e1', 'stop e1', 'stop e2', 'closed'])
})

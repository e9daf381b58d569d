import { expect, it } from 'vitest'
import { createActor, createMachine } from 'xstate'
import { xstateClock } from '../../src/actors/xstate-clock.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const blinkingMachine = createMachine({
  initial: 'on',
  states: { on: { after: { 100: 'off' } }, off: { after: { 100: 'on' } } },
})

it('runs delayed transitions on the clock it was given', async () => {
  const clock = createVirtualClock()
  const actor = createActor(blinkingMachine, { clock: xstateClock(clock) })
  const seen: unknown[] = []
  actor.subscribe({ next: (snapshot) => seen.push(snapshot.value), error: () => expect.unreachable() })
  actor.start()
  await clock.advance(350)
  expect(seen).toEqual(['on', 'off', 'on', 'off'])
})

it('leaves no timer behind when the actor stops', async () => {
  const clock = createVirtualClock()
  const actor = createActor(blinkingMachine, { clock: xstateClock(clock) }).start()
  expect(clock.pending).toBe(1)
  actor.stop()
  expect(clock.pending).toBe(0)
})

it('passes on whether a pending delay keeps the process running', () => {
  const asked: unknown[] = []
  const clock = createVirtualClock()
  const spied: Clock = {
    ...clock,
    setTimer(delayMs, fire, options) {
      asked.push(options)
      return clock.setTimer(delayMs, fire)
    },
  }
  xstateClock(spied).setTimeout(() => {}, 1)
  xstateClock(spied, { keepAlive: false }).setTimeout(() => {}, 1)
  expect(asked).toEqual([{ keepAlive: true }, { keepAlive: false }])
  xstateClock(spied).clearTimeout(undefined)
})

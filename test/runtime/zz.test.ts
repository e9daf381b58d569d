import { test } from 'vitest'
import { world } from './harness.ts'
test('x', async () => {
  const { join, run, clock } = world()
  const a = join()
  const memory = a.runtime.memory
  const others = [join().runtime.memory, join().runtime.memory]
  const t0 = clock.monotonicMs()
  others[0]?.subscribe('x', (change) => { if (change.type === 'set') console.log(clock.monotonicMs() - t0, change.revision, JSON.stringify(change.value), JSON.stringify(change.entry.version)) })
  a.store.commitMs = 5
  a.store.commitFate = (units) => { console.log(clock.monotonicMs() - t0, 'commit', units.length, JSON.stringify(units[0]?.[0]?.entry?.value), JSON.stringify(units[0]?.[0]?.condition)); return 'pass' }
    const calls: Promise<unknown>[] = []
    for (let turn = 1; turn <= 60; turn++) {
      calls.push(turn % 7 === 6 ? memory.delete('x') : memory.set('x', turn))
      if (turn % 4 === 0) calls.push(...others.map((other) => other.update('x', () => `other ${turn}`)))
      if (turn % 5 === 0) await clock.advance(7)
    }
    await run(Promise.all(calls))
})

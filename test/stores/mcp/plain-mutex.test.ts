/** The mutex over plain registers: nobody is in it together with another, whoever crashes whenever, while calls keep their bound. */
import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../../src/ports/logger.ts'
import { PlainMutex, ticketReusedMs } from '../../../src/stores/mcp/plain-mutex.ts'
import { ticketKeptMs } from '../../../src/stores/mcp/plain-rivals.ts'
import { ticketLeaseMsMax, ticketOf, ticketText } from '../../../src/stores/mcp/plain-ticket.ts'
import type { Registers } from '../../../src/stores/mcp/registers.ts'
import { createSeededRandom } from '../../../src/testing/seeded-random.ts'
import { rejectsWith } from '../../../src/testing/store-contract/subject.ts'
import { createVirtualClock, type VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type Simulated, simulatedRegisters } from './simulated-registers.ts'

const maxOpLatencyMs = 20
const leaseMs = 100
const namespace = 'ns.mutex'
const patientMs = 3_600_000

function mutexAt(registers: Registers, clock: VirtualClock, seed: number): PlainMutex {
  return new PlainMutex({
    registers,
    namespace,
    clock,
    random: createSeededRandom(seed),
    logger: silentLogger,
    maxOpLatencyMs,
  })
}

function world(seed = 1, kind: 'v2' | 'v3' = 'v2') {
  const clock = createVirtualClock()
  const simulated = simulatedRegisters({ clock, random: createSeededRandom(seed), latencyMsMax: maxOpLatencyMs, kind })
  let handles = 0
  const join = (spoil: (registers: Registers) => Registers = (registers) => registers) => {
    const { registers, crash } = simulated.process()
    return { mutex: mutexAt(spoil(registers), clock, seed * 1000 + ++handles), registers, crash }
  }
  return { clock, simulated, join, untilMs: () => clock.monotonicMs() + patientMs }
}

interface Told {
  /** Increments that were computed from a value that another had overwritten meanwhile. */
  readonly lost: number
  readonly made: number
  readonly crashes: number
  /** Handles that got no turn, or gave one up. */
  readonly givenUp: number
}

interface Plan {
  readonly seed: number
  readonly kind?: 'v2' | 'v3'
  readonly spoil?: (registers: Registers) => Registers
  readonly crashesMax?: number
}

/** Two to five processes add to a counter by plain reads and writes under the mutex; some crash, and others come instead. */
async function history({ seed, kind, spoil, crashesMax = 2 }: Plan): Promise<Told> {
  const random = createSeededRandom(seed)
  const { clock, simulated, join } = world(seed, kind ?? (seed % 2 === 0 ? 'v2' : 'v3'))
  const below = (bound: number): number => Math.floor(random.next() * bound)
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(ms, resolve))
  let [lost, made, crashes, givenUp] = [0, 0, 0, 0]
  const written = (before: number, registers: Registers): Promise<void> => {
    // Judged when it takes effect.
    const text = () => {
      const now = Number(simulated.rows.get('data counter')?.text ?? 0)
      if (now !== before) lost++
      made++
      return String(before + 1)
    }
    return registers.write('data', 'counter', { toString: text } as unknown as string)
  }
  const live = async (rounds: number): Promise<void> => {
    const { mutex, registers, crash } = join(spoil)
    let end: () => void = () => {}
    const crashed = new Promise<void>((resolve) => {
      end = resolve
    })
    if (crashes < crashesMax && random.next() < 0.5) {
      crashes++
      clock.setTimer(below(10 * maxOpLatencyMs), () => {
        crash()
        end()
      })
    }
    let left = rounds
    const work = async (): Promise<void> => {
      for (; left > 0; left--) {
        await pause(below(3 * maxOpLatencyMs))
        try {
          const hold = await mutex.acquire(clock.monotonicMs() + patientMs)
          await hold.renew()
          const register = await registers.read('data', 'counter')
          await pause(below(maxOpLatencyMs))
          await hold.renew()
          await written(Number(register?.content ?? 0), registers)
          await hold.release()
        } catch {
          givenUp++
        }
      }
      if (random.next() < 0.5) await mutex.close()
    }
    const ended = await Promise.race([work().then(() => 'done'), crashed.then(() => 'crashed')])
    if (ended === 'done') return
    await pause(below(2 * leaseMs))
    await live(left)
  }
  const processes = 2 + below(4)
  await clock.drive(Promise.all(Array.from({ length: processes }, () => live(1 + below(3)))))
  return { lost, made, crashes, givenUp }
}

async function histories(count: number, plan: Omit<Plan, 'seed'>, isEnough: (told: Told) => boolean = () => false) {
  const sum = { runs: 0, lost: 0, made: 0, crashes: 0, givenUp: 0 }
  for (let seed = 1; seed <= count; seed++) {
    const told = await history({ ...plan, seed })
    sum.runs++
    sum.lost += told.lost
    sum.made += told.made
    sum.crashes += told.crashes
    sum.givenUp += told.givenUp
    if (told.lost > 0 && plan.spoil === undefined) expect.fail(`seed ${seed}: two were in the mutex at once`)
    if (isEnough(told)) break
  }
  return sum
}

describe('exclusion', () => {
  test('holds in thousands of interleavings, with crashes at any moment', async () => {
    const sum = await histories(2000, {})
    expect(sum.lost).toBe(0)
    expect(sum.made).toBeGreaterThan(10_000)
    expect(sum.crashes).toBeGreaterThan(1000)
  }, 240_000)

  test.each([
    [
      'a handle does not say that it is choosing',
      (registers: Registers): Registers => ({
        ...registers,
        write: (space, key, text) =>
          registers.write(
            space,
            key,
            unspoiled(text, (ticket) => ({ ...ticket, choosing: false })),
          ),
      }),
    ],
    [
      'numbers are forgotten, so that tickets repeat',
      (registers: Registers): Registers => {
        let isChoosing = false
        return {
          ...registers,
          write: (space, key, text) => {
            isChoosing = String(text).includes('"choosing":true')
            return registers.write(space, key, text)
          },
          list: async (space) => {
            const listing = await registers.list(space)
            if (!isChoosing) return listing
            const forgotten = (content: unknown) => ({ ...(content as object), number: 0 })
            return { ...listing, entries: listing.entries.map((one) => ({ ...one, content: forgotten(one.content) })) }
          },
        }
      },
    ],
  ])('is found broken where %s', async (_, spoil) => {
    const sum = await histories(500, { spoil, kind: 'v2', crashesMax: 0 }, ({ lost }) => lost > 0)
    expect(sum.lost).toBeGreaterThan(0)
  })

  test('needs its assumption: a write that lands after the lease overwrites what the next one wrote', async () => {
    const { clock, simulated, join, untilMs } = world()
    const [slow, next] = [join(), join()]
    const hold = await clock.drive(slow.mutex.acquire(untilMs()))
    await clock.drive(hold.renew())
    const landing = new Promise<void>((resolve) => {
      clock.setTimer(5 * leaseMs, () => void slow.registers.write('data', 'counter', '1').then(resolve))
    })
    const taken = await clock.drive(next.mutex.acquire(untilMs()))
    await clock.drive(taken.renew())
    await clock.drive(next.registers.write('data', 'counter', '2'))
    await clock.drive(landing)
    expect(simulated.rows.get('data counter')?.text).toBe('1')
    // What it would do next, it does not.
    await rejectsWith('store_unavailable', () => clock.drive(hold.renew()))
  })
})

/** The counter's text is no ticket, and is made only when it is written. */
function unspoiled(text: string, change: (ticket: object) => object): string {
  return typeof text === 'string' ? JSON.stringify(change(JSON.parse(text))) : text
}

describe('a turn', () => {
  test('of a handle that crashed goes to the next one when the lease is over, and never waits for it again', async () => {
    const { clock, join, untilMs } = world()
    const [dead, next] = [join(), join()]
    await clock.drive(dead.mutex.acquire(untilMs()))
    dead.crash()
    const crashedMs = clock.monotonicMs()
    const hold = await clock.drive(next.mutex.acquire(untilMs()))
    const takenMs = clock.monotonicMs() - crashedMs
    expect(takenMs).toBeGreaterThanOrEqual(leaseMs)
    expect(takenMs).toBeLessThan(leaseMs * 3)
    await clock.drive(hold.release())
    const againMs = clock.monotonicMs()
    await clock.drive(next.mutex.acquire(untilMs()))
    expect(clock.monotonicMs() - againMs).toBeLessThan(leaseMs)
  })

  test('is not waited for beyond the deadline, and who gave up is in nobody’s way', async () => {
    const { clock, join } = world()
    const [holder, waiter, third] = [join(), join(), join()]
    const hold = await clock.drive(holder.mutex.acquire(clock.monotonicMs() + patientMs))
    let isHeld = true
    const holding = (async () => {
      while (isHeld) {
        await new Promise<void>((resolve) => void clock.setTimer(10, resolve))
        await hold.renew()
      }
      await hold.release()
    })()
    const beganMs = clock.monotonicMs()
    const late = waiter.mutex.acquire(beganMs + 30_000)
    const error = await rejectsWith('store_unavailable', () => clock.drive(late))
    expect(error.message).toContain('Nothing was written')
    expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(30_000)
    expect(clock.monotonicMs() - beganMs).toBeLessThan(30_000 + 2 * leaseMs)
    isHeld = false
    await clock.drive(holding)
    const freeMs = clock.monotonicMs()
    await clock.drive(third.mutex.acquire(freeMs + patientMs))
    // Its first turn begins with a proof of the server.
    expect(clock.monotonicMs() - freeMs).toBeLessThan(3 * leaseMs)
  })

  test('that has lasted for two thirds of its lease is over', async () => {
    const { clock, join, untilMs } = world()
    const hold = await clock.drive(join().mutex.acquire(untilMs()))
    expect(hold.isFresh).toBe(true)
    await clock.advance((leaseMs * 2) / 3)
    expect(hold.isFresh).toBe(false)
    const error = await rejectsWith('store_unavailable', () => clock.drive(hold.renew()))
    expect(error.message).toContain('maxOpLatencyMs')
  })

  test('is told of as long as it lasts, so that it may last long', async () => {
    const { clock, join, untilMs } = world()
    const [holder, waiter] = [join(), join()]
    const hold = await clock.drive(holder.mutex.acquire(untilMs()))
    let isTaken = false
    const taken = waiter.mutex.acquire(untilMs()).then((next) => {
      isTaken = true
      return next
    })
    for (let round = 0; round < 50; round++) {
      await clock.advance(leaseMs / 4)
      await clock.drive(hold.renew())
      expect(isTaken).toBe(false)
    }
    await clock.drive(hold.release())
    await clock.drive((await clock.drive(taken)).release())
  })

  test('comes in the order in which it was asked for, however long that takes', async () => {
    const { clock, join, untilMs } = world()
    const [holder, first, second] = [join(), join(), join()]
    const hold = await clock.drive(holder.mutex.acquire(untilMs()))
    const order: string[] = []
    const take = async (name: string, mutex: PlainMutex): Promise<void> => {
      const turn = await mutex.acquire(untilMs())
      order.push(name)
      await turn.release()
    }
    const firstEnds = take('first', first.mutex)
    // It has its number by then.
    for (let round = 0; round < 8; round++) await renewedFor(leaseMs / 4)
    const secondEnds = take('second', second.mutex)
    for (let round = 0; round < 20; round++) await renewedFor(leaseMs / 4)
    await clock.drive(hold.release())
    await clock.drive(Promise.all([firstEnds, secondEnds]))
    expect(order).toEqual(['first', 'second'])

    async function renewedFor(ms: number): Promise<void> {
      await clock.advance(ms)
      await clock.drive(hold.renew())
    }
  })

  test('is not begun by a handle whose register somebody removed: the others do not see it', async () => {
    const { clock, simulated, join, untilMs } = world()
    const [holder, waiter] = [join(), join()]
    const hold = await clock.drive(holder.mutex.acquire(untilMs()))
    const others = new Set(simulated.rows.keys())
    const taken = waiter.mutex.acquire(untilMs())
    const own = () => [...simulated.rows].find(([key]) => !others.has(key))
    await clock.runUntil(() => ticketOf(own()?.[1].text ?? '')?.active === true)
    // By then what it showed last is answered.
    await clock.advance(maxOpLatencyMs)
    simulated.rows.delete(own()?.[0] ?? '')
    await clock.drive(hold.release())
    await clock.drive(taken)
    expect(ticketOf(own()?.[1].text ?? '')).toMatchObject({ active: true })
  })

  test('is not begun by a handle that slept while it waited: another may have it', async () => {
    const { clock, join, untilMs } = world()
    const [holder, next] = [join(), join()]
    let isAsleep = false
    let wake: () => void = () => {}
    const sleep = new Promise<void>((resolve) => {
      wake = resolve
    })
    let looksAsleep = 0
    const sleeper = join((registers) => ({
      ...registers,
      list: async (space) => {
        const sleeps = isAsleep
        const listing = await registers.list(space)
        if (sleeps) {
          looksAsleep++
          await sleep
        }
        return listing
      },
    }))
    const hold = await clock.drive(holder.mutex.acquire(untilMs()))
    let isTaken = false
    const taken = sleeper.mutex.acquire(untilMs()).then((turn) => {
      isTaken = true
      return turn
    })
    // It has its number by then.
    for (let round = 0; round < 8; round++) {
      await clock.advance(leaseMs / 4)
      await clock.drive(hold.renew())
    }
    await clock.drive(hold.release())
    // What it sees now is that nobody is before it.
    isAsleep = true
    await clock.runUntil(() => looksAsleep === 1 || isTaken)
    await clock.advance(maxOpLatencyMs)
    const turn = await clock.drive(next.mutex.acquire(untilMs()))
    await clock.drive(turn.renew())
    isAsleep = false
    wake()
    await clock.advance(leaseMs / 4)
    await clock.drive(turn.renew())
    expect([looksAsleep, isTaken]).toEqual([1, false])
    await clock.drive(turn.release())
    await clock.drive(taken)
  })

  test('comes in the order of the numbers, which are kept', async () => {
    const { clock, simulated, join, untilMs } = world()
    const numbers: number[] = []
    const { mutex } = join((registers) => ({
      ...registers,
      write: (space, key, text) => {
        const ticket = ticketOf(text)
        if (ticket?.active === true) numbers.push(ticket.number)
        return registers.write(space, key, text)
      },
    }))
    for (let round = 0; round < 5; round++) await clock.drive((await clock.drive(mutex.acquire(untilMs()))).release())
    expect(numbers).toEqual([1, 2, 3, 4, 5])
    expect(ticketsIn(simulated)).toEqual([expect.objectContaining({ active: false, number: 5 })])
  })
})

describe('a register', () => {
  test('is removed when its handle closes', async () => {
    const { clock, simulated, join, untilMs } = world()
    const { mutex } = join()
    await clock.drive((await clock.drive(mutex.acquire(untilMs()))).release())
    expect(simulated.rows.size).toBe(1)
    await clock.drive(mutex.close())
    expect(simulated.rows.size).toBe(0)
  })

  test('of a dead handle is removed after a day, and a living one does not use one that old', async () => {
    const { clock, simulated, join, untilMs } = world()
    const [dead, other] = [join(), join()]
    await clock.drive(dead.mutex.acquire(untilMs()))
    dead.crash()
    await clock.drive((await clock.drive(other.mutex.acquire(untilMs()))).release())
    const before = [...simulated.rows.keys()]
    expect(before).toHaveLength(2)
    await clock.advance(ticketReusedMs)
    await clock.drive((await clock.drive(other.mutex.acquire(untilMs()))).release())
    expect([...simulated.rows.keys()].filter((key) => before.includes(key))).toHaveLength(1)
    await clock.advance(ticketKeptMs - ticketReusedMs)
    await clock.drive((await clock.drive(other.mutex.acquire(untilMs()))).release())
    await clock.advance(leaseMs)
    expect([...simulated.rows.keys()].filter((key) => before.includes(key))).toEqual([])
  })

  test('that holds no ticket is waited for as if it might be alive, and told of', async () => {
    const { clock, simulated, join } = world()
    simulated.rows.set(`${namespace} stranger`, { text: '{"hello":1}', updatedAtMs: clock.wallMs() })
    const { mutex } = join()
    const beganMs = clock.monotonicMs()
    await clock.drive(mutex.acquire(beganMs + patientMs))
    expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(ticketLeaseMsMax)
  })

  test.each(['v2', 'v3'] as const)('of a %s that does not give back what was written is refused', async (kind) => {
    const { clock, join, untilMs } = world(1, kind)
    const { mutex } = join((registers) => {
      let first: ReturnType<Registers['read']> | null = null
      return { ...registers, read: (space, key) => (first ??= registers.read(space, key)) }
    })
    const error = await rejectsWith('not_supported', () => clock.drive(mutex.acquire(untilMs())))
    expect(error.message).toContain('memory-sync serve')
  })

  test('more than a listing shows are refused while they may be alive, and not when they are long dead', async () => {
    const { clock, simulated, join, untilMs } = world()
    const ticket = { choosing: false, active: false, number: 3, beat: 1, leaseMs }
    const crowd = (count: number) => {
      for (let one = 0; one < count; one++) {
        simulated.rows.set(`${namespace} r${one}`, { text: ticketText(ticket), updatedAtMs: clock.wallMs() })
      }
    }
    crowd(98)
    const { mutex } = join()
    await clock.drive((await clock.drive(mutex.acquire(untilMs()))).release())
    crowd(150)
    const error = await rejectsWith('not_supported', () => clock.drive(mutex.acquire(untilMs())))
    expect(error.message).toContain('memory-sync serve')
    await clock.advance(ticketLeaseMsMax + 10_000)
    await clock.drive((await clock.drive(mutex.acquire(untilMs()))).release())
  })
})

function ticketsIn({ rows }: Simulated) {
  return [...rows.values()].map(({ text }) => ticketOf(text))
}

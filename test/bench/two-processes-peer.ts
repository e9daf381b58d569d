/** One process of the figure `two-processes`: writes or watches, through a runtime or with lmdb alone. */
import { watch } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../../src/domain/json.ts'
import { servePeer } from './peer.ts'
import { openRaw } from './raw-lmdb.ts'
import { atRate } from './rounds.ts'
import { readyRuntime } from './runtimes.ts'

/** When one write was begun and acknowledged, in milliseconds of the machine's monotonic clock. */
export interface Written {
  readonly calledMs: number
  readonly acknowledgedMs: number
}

interface Ends {
  write(n: number): Promise<unknown>
  /** Calls `onSeen` with the last number that is there. */
  watch(onSeen: (n: number) => void): Promise<void>
}

const key = 'bench/news/state'
let ends: Ends | null = null
const waiting = new Map<number, (atMs: number) => void>()
let lastUsage = process.cpuUsage()
let lastUsageMs = nowMs()

servePeer({
  async open({ kind, directory }: { kind: 'runtime' | 'lmdb'; directory: string }): Promise<void> {
    ends = kind === 'runtime' ? await runtimeEnds(directory) : rawEnds(directory)
  },

  async watch(): Promise<void> {
    await ends?.watch((n) => {
      const atMs = nowMs()
      for (const [expected, isSeen] of waiting) {
        if (expected > n) continue
        waiting.delete(expected)
        isSeen(atMs)
      }
    })
  },

  /** When each of the next numbers was seen. One that was overtaken counts when its successor is seen. */
  watchNext({ first, count }: { first: number; count: number }): Promise<number[]> {
    const seen = Array.from({ length: count }, (_, n) => new Promise<number>((isSeen) => waiting.set(first + n, isSeen)))
    return Promise.all(seen)
  },

  async write({ first, count, perSecond }: { first: number; count: number; perSecond: number }): Promise<Written[]> {
    const written: Written[] = []
    await atRate(perSecond, count, async (n) => {
      const calledMs = nowMs()
      await ends?.write(first + n)
      written[n] = { calledMs, acknowledgedMs: nowMs() }
    })
    return written
  },

  /** Percent of a core since it was asked last. */
  idlePercent(): number {
    const { user, system } = process.cpuUsage(lastUsage)
    const percent = (user + system) / 10 / (nowMs() - lastUsageMs)
    lastUsage = process.cpuUsage()
    lastUsageMs = nowMs()
    return percent
  },
})

/** On one boot of one machine all processes read the same clock here. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

async function runtimeEnds(directory: string): Promise<Ends> {
  const runtime = await readyRuntime(`file:${directory}`)
  runtime.spawnWorker({ handlers: { nothing: () => null } })
  return {
    write: (n) => runtime.memory.set(key, { n, note: 'x'.repeat(200) }),
    watch: (onSeen) =>
      new Promise((isLive, reject) => {
        const follow = async (): Promise<void> => {
          for await (const event of runtime.memory.watch(key)) {
            if (event.type === 'caught-up') isLive()
            else if (event.type === 'set') onSeen(numberOf(event.value))
          }
        }
        follow().catch(reject)
      }),
  }
}

function rawEnds(directory: string): Ends {
  const db = openRaw(directory)
  return {
    write: (n) => db.put(key, JSON.stringify({ n, note: 'x'.repeat(200) }), n + 1),
    watch: async (onSeen) => {
      watch(join(directory, 'data.mdb'), () => {
        // lmdb keeps a snapshot for the rest of the turn.
        db.resetReadTxn()
        const text = db.get(key)
        if (text !== undefined) onSeen(numberOf(JSON.parse(text) as Json))
      })
    },
  }
}

function numberOf(value: Json): number {
  return (value as { readonly n: number }).n
}

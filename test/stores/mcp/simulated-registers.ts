/**
 * Registers on a virtual clock: each call takes effect at a random moment within its latency, and is answered at a later one.
 * Owns what a crash means: nothing is answered any more, and what was under way takes effect or not.
 */
import type { Json } from '../../../src/domain/json.ts'
import type { Random } from '../../../src/ports/random.ts'
import type { Listed, Register, Registers } from '../../../src/stores/mcp/registers.ts'
import type { VirtualClock } from '../../../src/testing/virtual-clock.ts'

interface Row {
  readonly text: string
  readonly updatedAtMs: number
}

export interface SimulatedOptions {
  readonly clock: VirtualClock
  readonly random: Random
  /** Of a call, at most. */
  readonly latencyMsMax: number
  /** `v2`: a listing is one moment and has the newest hundred with values; `v3`: it has all keys, to be read one by one. */
  readonly kind: 'v2' | 'v3'
}

export interface Simulated {
  readonly rows: Map<string, Row>
  /** What one process has of it. */
  process(): { readonly registers: Registers; crash(): void }
}

const listedMax = 100

export function simulatedRegisters({ clock, random, latencyMsMax, kind }: SimulatedOptions): Simulated {
  const rows = new Map<string, Row>()
  const keyOf = (namespace: string, key: string): string => `${namespace} ${key}`

  const process = () => {
    let isCrashed = false
    /** @param effect at its moment. */
    const call = <T>(effect: () => T): Promise<T> => {
      if (isCrashed) return new Promise(() => {})
      const totalMs = random.next() * latencyMsMax
      const effectMs = random.next() * totalMs
      const isLost = random.next() < 0.5
      return new Promise((resolve) => {
        clock.setTimer(Math.floor(effectMs), () => {
          if (isCrashed && isLost) return
          const result = effect()
          clock.setTimer(Math.floor(totalMs - effectMs), () => {
            if (!isCrashed) resolve(result)
          })
        })
      })
    }
    const registers: Registers = {
      listsAll: kind === 'v3',
      durability: 'none',
      read: (namespace, key) =>
        call((): Register | null => {
          const row = rows.get(keyOf(namespace, key))
          return row === undefined ? null : { content: contentOf(row), updatedAtMs: null }
        }),
      write: (namespace, key, text) =>
        // A text may be made at the moment at which it takes effect.
        call(() => void rows.set(keyOf(namespace, key), { text: String(text), updatedAtMs: clock.wallMs() })),
      remove: (namespace, key) => call(() => void rows.delete(keyOf(namespace, key))),
      list: (namespace) =>
        call(() => {
          const all: Listed[] = []
          for (const [key, row] of rows) {
            if (!key.startsWith(`${namespace} `)) continue
            const content = kind === 'v2' ? contentOf(row) : undefined
            all.push({ key: key.slice(namespace.length + 1), content, updatedAtMs: row.updatedAtMs })
          }
          all.sort((a, b) => b.updatedAtMs - a.updatedAtMs)
          const entries = kind === 'v2' ? all.slice(0, listedMax) : all
          return { entries, isComplete: kind === 'v3' || entries.length < listedMax, settledMs: clock.wallMs() }
        }),
    }
    return {
      registers,
      crash: () => {
        isCrashed = true
      },
    }
  }
  return { rows, process }
}

/** As the servers give it: parsed. */
function contentOf({ text }: Row): Json {
  return JSON.parse(text) as Json
}

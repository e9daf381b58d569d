/** One side of the figure `store-writes`, in a process of its own. Keeps its store over all rounds. */
import type { Entry } from '../../src/domain/entry.ts'
import type { Condition, Store } from '../../src/ports/store.ts'
import { encodeEntry } from '../../src/wire/entry-codec.ts'
import { servePeer } from './peer.ts'
import { openRaw, putIf, type RawDatabase } from './raw-lmdb.ts'
import { collectGarbage, inLanes } from './rounds.ts'
import { entryOf, readyStore } from './runtimes.ts'

export interface WritesAsk {
  readonly round: number
  readonly writes: number
  readonly inFlight: number
}

let raw: RawDatabase | null = null
let store: Store | null = null
const revisions: number[] = []

servePeer({
  openBaseline(directory: string): void {
    raw = openRaw(directory)
  },

  async openOurs(directory: string): Promise<void> {
    store = await readyStore(`file:${directory}`)
  },

  /** lmdb is given the finished text; the round before wrote version `round`. */
  baseline({ round, writes, inFlight }: WritesAsk): Promise<number> {
    const db = opened(raw)
    const texts = Array.from({ length: writes }, (_, index) => encodeEntry(entryOf(round + 1, index)))
    collectGarbage()
    return inLanes(inFlight, writes, (index) =>
      putIf(db, keyOf(index), texts[index] ?? '', round + 1, round === 0 ? null : round),
    )
  },

  ours({ round, writes, inFlight }: WritesAsk): Promise<number> {
    const files = opened(store)
    const entries = Array.from({ length: writes }, (_, index) => entryOf(round + 1, index))
    collectGarbage()
    return inLanes(inFlight, writes, async (index) => {
      const entry = entries[index] ?? entryOf(round + 1, index)
      revisions[index] = await commitOne(files, keyOf(index), entry, conditionOf(revisions[index]))
    })
  },

  async close(): Promise<void> {
    await raw?.close()
    await store?.close()
  },
})

function opened<T>(what: T | null): T {
  if (what === null) throw new Error('it must be opened first')
  return what
}

function keyOf(index: number): string {
  return `bench/documents/${index}/state`
}

function conditionOf(revision: number | undefined): Condition {
  return revision === undefined ? { type: 'absent' } : { type: 'revision', revision }
}

async function commitOne(store: Store, key: string, entry: Entry, condition: Condition): Promise<number> {
  const [receipt] = await store.commit([[{ key, entry, condition }]])
  if (receipt?.type !== 'committed') throw new Error(`${key}: ${JSON.stringify(receipt)}`)
  return receipt.revision
}

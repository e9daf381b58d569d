/**
 * `memory_get`, `memory_commit`, `memory_changes`: the store itself, for programs that keep its rules. Keys and entries as they lie in the
 * store; conditions and guards are judged in the store's own transaction. Knows nothing of namespaces: those are the other tools'.
 *
 * - M1 no change is lost between two calls of `memory_changes`, the second one with the `revision` that the first one gave
 */
import { MemorySyncError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Receipt, Store, Stored, Unit } from '../../ports/store.ts'
import {
  briefReceipts,
  checkedEntry,
  memoryChanges,
  memoryCommit,
  memoryGet,
  memoryTools,
  type WireChange,
  type WireReceipt,
  type WireStored,
  type WireUnit,
} from '../../wire/mcp-memory.ts'
import { ReplyRoom } from '../live-entries.ts'
import { toldFields } from '../told-error.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'

/** Keys that the text of a reply names. */
const keysToldMax = 20

export function registerMemoryTools(tools: Toolbox, context: ToolContext): void {
  const { runtime, store, clock } = context

  tools.add({
    name: memoryTools.get,
    title: 'Read one entry',
    description:
      'Reads the entry at one key of the shared store, with its version and revision, deleted and expired ones too. The revision is what a condition of memory_commit or `after` of memory_changes takes. To read a plain value, memory_usage or memory_retrieve is simpler.',
    input: memoryGet.input,
    output: memoryGet.output,
    async run({ key }, { signal }) {
      await runtime.ready()
      const options = { signal }
      let stored = await store.get(key, options)
      let revision = stored?.revision
      if (stored === null) {
        // Looked at again behind the head: nothing can have been written at or before that revision.
        revision = await store.head(options)
        stored = await store.get(key, options)
      }
      if (stored === null) return { structured: { found: false, key, revision: revision ?? 0 } }
      const { entry } = wireStored(stored)
      return { structured: { found: true, key, revision: stored.revision, entry } }
    },
  })

  tools.add({
    name: memoryTools.commit,
    title: 'Commit units of writes',
    description:
      'Writes entries to the shared store under conditions. Each unit takes effect whole or not at all and has its own receipt: committed with its revision, conflict with what is stored, stale-epoch when its guard does not hold any more, or failed. For programs that manage versions themselves; to store a plain value, use memory_usage or memory_store.',
    input: memoryCommit.input,
    output: memoryCommit.output,
    annotations: { destructiveHint: true },
    subjectOf: ({ units }) => listedKeys(units),
    async run({ units, brief }, { signal }) {
      await runtime.ready()
      const checked = units.map(checkedUnit)
      const sound = checked.filter((unit): unit is Unit => !(unit instanceof MemorySyncError))
      const committed = sound.length === 0 ? [] : await store.commit(sound, { signal })
      let next = 0
      const receipts = checked.map((unit): Receipt => {
        if (unit instanceof MemorySyncError) return { type: 'failed', error: unit }
        return committed[next++] ?? { type: 'failed', error: new MemorySyncError('unknown_outcome', 'the store gave no receipt') }
      })
      const told = receipts.map(wireReceipt)
      return {
        structured: { receipts: brief ? briefReceipts(told, units) : told },
        text: toldReceipts(receipts, units),
      }
    },
  })

  tools.add({
    name: memoryTools.changes,
    title: 'Changes since a revision',
    description:
      'What was written to matching keys after a revision, in order, deletions too. Go on with the `revision` that it gives as `after` of the next call, and nothing is missed. With waitMs it waits for the first change. `reset` says that older changes are not known any more: read everything with memory_list, then go on from `revision`. Patterns: `*` within one segment of a key, `**` any number of segments.',
    input: memoryChanges.input,
    output: memoryChanges.output,
    async run({ pattern, after, limit, waitMs, own }, { signal }) {
      await runtime.ready()
      const page = await changesOf(store, clock, { pattern, after, limit, waitMs, signal })
      const { durability } = store.features
      const changes = page.changes.map((change) => wireChange(change, own))
      const structured = { changes, revision: page.revision, durability }
      if (page.isReset) {
        const text = `Changes were missed. Read everything with memory_list, then go on after revision ${page.revision}.`
        return { structured: { ...structured, reset: true }, text }
      }
      const keys = page.changes.length === 0 ? '' : `: ${listedKeys([page.changes])}`
      return { structured, text: `${page.changes.length} changes${keys}. Go on after revision ${page.revision}.` }
    },
  })
}

interface ChangesQuestion {
  readonly pattern: string
  readonly after: number
  readonly limit: number
  readonly waitMs: number
  readonly signal: AbortSignal
}

interface ChangesPage {
  readonly changes: readonly Stored[]
  readonly revision: number
  readonly isReset: boolean
}

async function changesOf(store: Store, clock: Clock, question: ChangesQuestion): Promise<ChangesPage> {
  const { pattern, after, limit, waitMs, signal } = question
  const changes: Stored[] = []
  const room = new ReplyRoom()
  const own = new AbortController()
  const stop = (): void => own.abort()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  let timer: { cancel(): void } | undefined
  let isTimeOver = false
  let through: number | null = null
  try {
    for await (const item of store.watch(pattern, { after, signal: own.signal })) {
      if (item.type === 'reset') return { changes: [], revision: await store.head({ signal: own.signal }), isReset: true }
      if (item.type === 'caught-up') {
        through = item.revision
        if (changes.length > 0 || waitMs === 0) break
        timer = clock.setTimer(waitMs, () => {
          isTimeOver = true
          stop()
        })
        continue
      }
      for (const stored of item.changes) {
        // What does not fit comes with the next call: its revision is behind the one that is given.
        if (changes.length === limit || !room.takes(stored)) return pageOf(changes, null)
        changes.push(stored)
      }
      if (through !== null) break
    }
  } finally {
    timer?.cancel()
    signal.removeEventListener('abort', stop)
    own.abort()
  }
  if (signal.aborted)
    throw new MemorySyncError('aborted', 'the call was ended while it waited for changes', { cause: signal.reason })
  if (through === null || (waitMs > 0 && changes.length === 0 && !isTimeOver)) {
    throw new MemorySyncError('closed', 'the store was closed while it was being watched')
  }
  return pageOf(changes, through)
}

function pageOf(changes: readonly Stored[], through: number | null): ChangesPage {
  return { changes, revision: Math.max(through ?? 0, changes.at(-1)?.revision ?? 0), isReset: false }
}

/** The unit as the store takes it, or why it cannot be one. */
function checkedUnit(unit: WireUnit): Unit | MemorySyncError {
  try {
    return unit.map(({ key, entry, condition, guard }) => {
      const write = { key, entry: entry === null ? null : checkedEntry(key, entry), condition }
      return guard === undefined ? write : { ...write, guard }
    })
  } catch (thrown) {
    return MemorySyncError.from(thrown, 'invalid_value')
  }
}

/** As it travels. */
export function wireStored({ key, revision, entry }: Stored): WireStored {
  return { key, revision, entry }
}

function wireChange(change: Stored, own: string | undefined): WireChange {
  const dot = change.entry.x?.d
  if (dot === undefined || dot[2] !== own) return wireStored(change)
  return { key: change.key, revision: change.revision, ownCounter: dot[1] }
}

function wireReceipt(receipt: Receipt): WireReceipt {
  switch (receipt.type) {
    case 'committed':
      return receipt
    case 'conflict':
      return { type: 'conflict', key: receipt.key, stored: receipt.stored && wireStored(receipt.stored) }
    case 'stale-epoch':
      return { type: 'stale-epoch', scope: receipt.scope, stored: receipt.stored && wireStored(receipt.stored) }
    case 'failed':
      return { type: 'failed', error: toldFields(receipt.error) }
  }
}

function toldReceipts(receipts: readonly Receipt[], units: readonly WireUnit[]): string {
  const refused: string[] = []
  let committed = 0
  let last = 0
  for (const [index, receipt] of receipts.entries()) {
    if (receipt.type === 'committed') {
      committed++
      last = Math.max(last, receipt.revision + (units[index]?.length ?? 1) - 1)
    } else if (refused.length < keysToldMax) {
      const why = receipt.type === 'failed' ? `${receipt.error.code}: ${receipt.error.message}` : receipt.type
      refused.push(`unit ${index} (${units[index]?.[0]?.key ?? ''}): ${why}`)
    }
  }
  const upTo = committed === 0 ? '' : `, up to revision ${last}`
  return [`${committed} of ${receipts.length} units committed${upTo}.`, ...refused].join('\n')
}

/** Counted all, named few. */
function listedKeys(units: readonly (readonly { readonly key: string }[])[]): string {
  const named: string[] = []
  let count = 0
  for (const unit of units) {
    count += unit.length
    for (const { key } of unit) if (named.length < keysToldMax) named.push(key)
  }
  return named.join(', ') + (count > named.length ? ` and ${count - named.length} more` : '')
}

/**
 * The lock tools: a lock by its name for whoever speaks MCP, under a lease that only the client renews, with its epoch and the guard
 * for `memory_commit`. Which acquisition gets it is decided by the lock's chart.
 */
import { z } from 'zod'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import { assertId } from '../../domain/key.ts'
import type { HeldLock } from '../../runtime/held-lock.ts'
import { type LockView, lockLeaseMsDefault } from '../../runtime/locks.ts'
import { callWaitMsMax, type Holding, holdingsOf } from '../holdings.ts'
import type { Toolbox } from '../tool.ts'
import type { ToolContext } from '../tool-context.ts'

/** Shorter leases are over before a client can renew them; a longer one than an hour would outlive whoever forgot it. */
export const lockLeaseMsMin = 1000
export const toolLockLeaseMsMax = 3_600_000

const name = z.string().describe('Name of the lock: 1 to 128 characters without / and *.')
const epoch = z.int().min(0).describe('The epoch that lock_acquire gave.')
const guard = z.object({ scope: z.string(), epoch: z.int(), incarnation: z.string() })

const held = {
  name: z.string(),
  epoch: z.int(),
  leaseMs: z.number(),
  leaseLeftMs: z.number(),
  guard: guard.describe('For the writes of memory_commit: they take effect only while the lock is held.'),
}

export function registerLockTools(tools: Toolbox, context: ToolContext): void {
  const { runtime, keys } = context
  const { locks } = runtime.inside
  const holdings = holdingsOf(context)

  tools.add({
    name: 'lock_acquire',
    title: 'Acquire a lock',
    description:
      'Takes the lock of that name, so that no other agent or worker holds it at the same time. Use it before work that must not be done twice at once. Not reentrant. acquired: false is an answer, not an error: heldBy says who has it and for how long; waitMs waits for it. The lease is yours alone to renew: call lock_renew or worker_heartbeat before leaseMs are over. Give `guard` to memory_commit, so that a late write is refused, and call lock_release when done.',
    input: {
      name,
      leaseMs: z.int().min(lockLeaseMsMin).max(toolLockLeaseMsMax).default(lockLeaseMsDefault),
      waitMs: z.int().min(0).max(callWaitMsMax).default(0),
    },
    output: {
      acquired: z.boolean(),
      ...held,
      epoch: held.epoch.optional(),
      leaseMs: held.leaseMs.optional(),
      leaseLeftMs: held.leaseLeftMs.optional(),
      guard: held.guard.optional(),
      heldBy: z.object({ owner: z.string(), leaseLeftMs: z.number() }).optional(),
    },
    subjectOf: (input) => input.name,
    async run({ name, leaseMs, waitMs }, { signal }) {
      const key = keys.lock(assertId(name, 'lock name'))
      const holding = await holdings.takeLock(name, () => locks.acquire(key, { leaseMs, waitMs, signal, owner: holdings.label }))
      if (holding !== null) {
        return { structured: { acquired: true, ...heldAnswer(name, holding) }, text: acquiredText(name, holding.held) }
      }
      const view = await locks.view(key)
      const heldBy = view === null ? undefined : holderOf(view)
      return {
        structured: { acquired: false, name, ...(heldBy === undefined ? {} : { heldBy }) },
        text: `The lock ${quote(name)} was not acquired: ${refusal(heldBy, holdings.label)}`,
      }
    },
  })

  tools.add({
    name: 'lock_renew',
    title: 'Renew a lock',
    description:
      'Begins the lease of a lock that you hold anew, with the leaseMs it was acquired with. Call it well before the lease is over, again and again while you work under the lock; worker_heartbeat renews all of them at once. lock_lost means that the lock is not yours any more: stop what it protects, read again what it protects, and acquire it anew if you still need it.',
    input: { name, epoch },
    output: held,
    annotations: { idempotentHint: true },
    subjectOf: (input) => input.name,
    async run({ name, epoch }) {
      const holding = await heldUnder(name, epoch)
      await orLost(name, () => holding.renew())
      return { structured: heldAnswer(name, holding) }
    },
  })

  tools.add({
    name: 'lock_release',
    title: 'Release a lock',
    description:
      'Gives back a lock that you hold, so that others can have it at once instead of at the end of its lease. Call it as soon as the work under the lock is done, also when that failed. lock_lost means that the lock was not yours any more, and that somebody else may have worked at the same time as you: check what it protects.',
    input: { name, epoch },
    output: { released: z.literal(true), name: z.string(), epoch: z.int() },
    subjectOf: (input) => input.name,
    async run({ name, epoch }) {
      const holding = await heldUnder(name, epoch)
      const { held } = holding
      const release = async (): Promise<void> => {
        held.assertHeld()
        await held.release()
        // Taken over while it was on its way.
        held.signal.throwIfAborted()
      }
      await orLost(name, () => holding.end(release))
      holdings.forgetLock(name, holding)
      return { structured: { released: true as const, name, epoch } }
    },
  })

  /** @throws `lock_lost` */
  async function heldUnder(name: string, epoch: number): Promise<Holding<HeldLock>> {
    assertId(name, 'lock name')
    const holding = holdings.locks.get(name)
    if (holding === undefined) throw await lost(name, `this client does not hold the lock ${quote(name)} under epoch ${epoch}`)
    const { held } = holding
    if (held.epoch === epoch) return holding
    throw await lost(
      name,
      `this client has the lock ${quote(name)} under epoch ${held.epoch}, not under ${epoch}: that time is over`,
    )
  }

  /** What `use` throws; a lost lock with what is known of it now. */
  async function orLost(name: string, use: () => Promise<void>): Promise<void> {
    try {
      await use()
    } catch (thrown) {
      const error = MemorySyncError.from(thrown, 'lock_lost')
      if (error.code !== 'lock_lost') throw error
      const { overForMs = 0 } = holdings.locks.get(name) ?? {}
      const since = overForMs > 0 ? `; its lease was over ${overForMs} ms ago` : ''
      throw await lost(name, `${messageOf(error)}${since}`, error)
    }
  }

  async function lost(name: string, what: string, cause?: unknown): Promise<MemorySyncError> {
    const key = keys.lock(name)
    const view = await locks.view(key)
    const holder = view === null ? undefined : holderOf(view)
    const now =
      view === null
        ? 'Nobody ever had it.'
        : holder === undefined
          ? `It is free, and was held last under epoch ${view.epoch}.`
          : `It is held by ${quote(holder.owner)} under epoch ${view.epoch}, with ${holder.leaseLeftMs} ms of the lease left.`
    return new MemorySyncError('lock_lost', `${what}. ${now} What is written under an older guard is refused.`, { key, cause })
  }
}

function heldAnswer(name: string, { held }: Holding<HeldLock>) {
  const { epoch, leaseMs, guard } = held
  return { name, epoch, leaseMs, leaseLeftMs: held.leaseLeftMs(), guard: { ...guard } }
}

function acquiredText(name: string, held: HeldLock): string {
  return [
    `The lock ${quote(name)} is yours under epoch ${held.epoch} for ${held.leaseLeftMs()} ms.`,
    `Before that is over, and again each time: lock_renew ${JSON.stringify({ name, epoch: held.epoch })} or worker_heartbeat {}.`,
    `Writes that need it: memory_commit with the guard ${JSON.stringify(held.guard)}.`,
    `When done: lock_release ${JSON.stringify({ name, epoch: held.epoch })}.`,
  ].join('\n')
}

function holderOf({ owner, leaseLeftMs }: LockView): { owner: string; leaseLeftMs: number } | undefined {
  return owner === null || leaseLeftMs <= 0 ? undefined : { owner, leaseLeftMs }
}

function refusal(heldBy: ReturnType<typeof holderOf>, label: string): string {
  if (heldBy === undefined) return 'others were faster, and it is free again by now. Try again.'
  const wait = `Call lock_acquire again with waitMs (at most ${callWaitMsMax}) to wait for it.`
  if (heldBy.owner === label) return `you hold it already, and it is not given twice. Release it first, or go on under its epoch.`
  return `${quote(heldBy.owner)} has it, with ${heldBy.leaseLeftMs} ms of the lease left. ${wait}`
}

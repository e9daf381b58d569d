/**
 * The other handles at a plain server's mutex, as their registers show them. Owns what is known of them from earlier looks, and with
 * it which of them are dead. Knows nothing of the mutex's protocol (`plain-mutex.ts`).
 *
 * - V1 a handle is dead when it has shown one and the same ticket for its lease, by this machine's monotonic clock, from the end of
 *   the look that first found the ticket to the beginning of the one that finds it still
 * - V2 a register that is no ticket counts as one that is choosing, for the longest lease there may be
 * - V3 a look that may not have found all live handles is an error, never a shorter list
 */
import { MemorySyncError, quote } from '../../domain/errors.ts'
import type { Json } from '../../domain/json.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import { type Ticket, ticketLeaseMsMax, ticketOf } from './plain-ticket.ts'
import type { Listing, Registers } from './registers.ts'

/** What a dead handle left is removed after this time, by the server's clock. */
export const ticketKeptMs = 24 * 60 * 60 * 1000
/** Registers removed by one look. */
const removedPerLookMax = 16
/** What the server's times may be wrong by: one of them has whole seconds only. */
const serverGrainMs = 2000

export interface Rival {
  readonly id: string
  readonly ticket: Ticket
  readonly isDead: boolean
}

interface Sight {
  readonly text: string
  /** When the look that found it first had ended. */
  readonly sinceMs: number
}

const unreadable: Ticket = Object.freeze({
  choosing: true,
  active: true,
  number: 0,
  beat: 0,
  leaseMs: ticketLeaseMsMax,
})

export class PlainRivals {
  readonly #registers: Registers
  readonly #namespace: string
  readonly #clock: Clock
  readonly #logger: Logger
  /** No more than the last look had. */
  #sightById = new Map<string, Sight>()

  constructor(registers: Registers, namespace: string, clock: Clock, logger: Logger) {
    this.#registers = registers
    this.#namespace = namespace
    this.#clock = clock
    this.#logger = logger
  }

  /** All handles that may be alive, this one too. @throws `not_supported` when there are more than a listing shows. */
  async look(ownId: string): Promise<readonly Rival[]> {
    const beganMs = this.#clock.monotonicMs()
    const listing = await this.#registers.list(this.#namespace)
    this.#refuseIncomplete(listing)
    const found = await Promise.all(
      listing.entries.map(async ({ key, content, updatedAtMs }) => {
        // Not there any more: it has left.
        const register = content === undefined ? await this.#registers.read(this.#namespace, key) : { content }
        return register === null ? null : { id: key, content: register.content, updatedAtMs }
      }),
    )
    const endedMs = this.#clock.monotonicMs()
    const sightById = new Map<string, Sight>()
    const rivals: Rival[] = []
    const left: string[] = []
    for (const one of found) {
      if (one === null) continue
      const { id, content, updatedAtMs } = one
      const { ticket, sight } = this.#sightOf(id, content, endedMs)
      sightById.set(id, sight)
      const isDead = id !== ownId && beganMs - sight.sinceMs >= ticket.leaseMs
      rivals.push({ id, ticket, isDead })
      if (isDead && listing.settledMs - updatedAtMs > ticketKeptMs) left.push(id)
    }
    this.#sightById = sightById
    this.#remove(left.slice(0, removedPerLookMax))
    return rivals
  }

  #sightOf(id: string, content: Json, endedMs: number): { readonly ticket: Ticket; readonly sight: Sight } {
    const ticket = ticketOf(content)
    const text = JSON.stringify(ticket ?? content)
    const before = this.#sightById.get(id)
    const isNew = before?.text !== text
    if (ticket === null && isNew) {
      this.#logger.warn('a register of the mutex holds no ticket; it is waited for as long as for one that may be alive', {
        namespace: this.#namespace,
        register: id,
        stored: quote(content),
      })
    }
    return { ticket: ticket ?? unreadable, sight: isNew ? { text, sinceMs: endedMs } : before }
  }

  /** The oldest ones are missing. They are dead if nobody alive can have been silent for so long. */
  #refuseIncomplete({ entries, isComplete, settledMs }: Listing): void {
    if (isComplete) return
    const oldestMs = entries.reduce((oldest, { updatedAtMs }) => Math.min(oldest, updatedAtMs), Number.POSITIVE_INFINITY)
    if (settledMs - oldestMs > ticketLeaseMsMax + serverGrainMs) return
    throw new MemorySyncError(
      'not_supported',
      `more than ${entries.length} processes use conditions, locks or tasks at this memory server, and its listing shows no more of them: exclusion cannot be assured. Use a server that can, in its place: memory-sync serve.`,
    )
  }

  /** Their handles never write to them again: see `ticketReusedMs` in `plain-mutex.ts`. */
  #remove(ids: readonly string[]): void {
    for (const id of ids) {
      this.#registers.remove(this.#namespace, id).catch((error: unknown) => {
        this.#logger.debug('what a dead handle left at the mutex could not be removed', { register: id, error })
      })
    }
  }
}

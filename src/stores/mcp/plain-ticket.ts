/**
 * What a handle shows to the others of a plain server's mutex, as the text of its register. Knows neither who reads it nor when
 * (`plain-mutex.ts`).
 */
import type { Json } from '../../domain/json.ts'

export interface Ticket {
  /** Its number is being chosen: wait until it is known. */
  readonly choosing: boolean
  /** It wants the mutex, or has it. */
  readonly active: boolean
  /** Lower ones come first. Kept after the mutex was left: a handle's numbers strictly increase. */
  readonly number: number
  /** Another one with every write: who shows the same one for `leaseMs` is taken for dead. */
  readonly beat: number
  /** Milliseconds. */
  readonly leaseMs: number
}

/** Of all handles, so that a handle which knows nothing of the others' options knows when one that it cannot see is dead. */
export const ticketLeaseMsMax = 300_000

export function ticketText({ choosing, active, number, beat, leaseMs }: Ticket): string {
  return JSON.stringify({ choosing, active, number, beat, leaseMs })
}

/** null: it is no ticket. */
export function ticketOf(content: Json): Ticket | null {
  const given = typeof content === 'string' ? parsed(content) : content
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return null
  const { choosing, active, number, beat, leaseMs } = given as { readonly [member: string]: unknown }
  if (typeof choosing !== 'boolean' || typeof active !== 'boolean') return null
  if (!isCount(number) || !isCount(beat) || !isCount(leaseMs) || leaseMs > ticketLeaseMsMax) return null
  return { choosing, active, number, beat, leaseMs }
}

/** Whether the first of two that want the mutex has it before the second. Ids differ. */
export function isBefore(a: { readonly number: number; readonly id: string }, b: typeof a): boolean {
  return a.number < b.number || (a.number === b.number && a.id < b.id)
}

function isCount(given: unknown): given is number {
  return typeof given === 'number' && Number.isSafeInteger(given) && given >= 0
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

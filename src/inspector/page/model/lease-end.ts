/**
 * When a lease ends by the wall clock, as far as its record tells: for eyes, who would otherwise see no time at all. Decides nothing:
 * processes judge leases by their own monotonic clocks, which a page does not have.
 */
import type { Json } from '../../../domain/json.ts'
import type { Lease } from '../../../domain/lease.ts'
import type { CutValue } from '../../../wire/trace-record.ts'
import type { EntryView } from './session-state.ts'

/**
 * Milliseconds since 1970, by the clock of whoever renewed it.
 *
 * @param leaseOf of a version's value. Others may have written the record since the renewal: the oldest version that has it tells when
 * it was made.
 */
export function leaseEndMs(
  { current, history }: EntryView,
  lease: Lease,
  leaseOf: (value: Json | CutValue) => Lease | null | undefined,
): number {
  let renewed = current.entry
  for (let index = history.length - 1; index >= 0; index--) {
    const entry = history[index]?.entry
    const earlier = entry === undefined ? undefined : leaseOf(entry.value)
    if (entry === undefined || earlier?.renewedAtMs !== lease.renewedAtMs || earlier.bootId !== lease.bootId) break
    renewed = entry
  }
  return renewed.timestamp + lease.leaseMs
}

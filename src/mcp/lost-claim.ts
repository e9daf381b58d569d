/**
 * What a client is told whose word on a task is not taken: that the claim is not its own, since when, who has the task now, and that the
 * work must not be repeated blindly. From the task's record and the client's own memory of its claim; decides nothing.
 */
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { ClaimedTask } from '../runtime/claims.ts'
import type { Explanation } from '../runtime/explain.ts'
import type { Holding } from './holdings.ts'
import type { ToolContext } from './tool-context.ts'

export interface LostClaim {
  readonly id: string
  /** The epoch that the client named. */
  readonly epoch?: number | undefined
  /** Its claim of the task, as far as it is remembered. */
  readonly holding?: Holding<ClaimedTask> | undefined
  /** What the claim said. */
  readonly cause?: unknown
}

/** The error `claim_lost`. @throws `invalid_key` when there is no such task, `store_unavailable` and the like */
export async function lostClaim(context: ToolContext, lost: LostClaim): Promise<MemorySyncError> {
  const { runtime } = context
  const facts = await runtime.explain(lost.id)
  const sentences = [
    firstSentence(lost),
    sinceWhen(lost, facts, runtime.inside.nowMs()),
    `Now: ${whereItIs(facts)}.`,
    'Do not repeat the work blindly: what you did elsewhere stays done, and somebody else may do it again or have done it.',
  ]
  const details = { retryable: false, cause: lost.cause }
  return new MemorySyncError('claim_lost', sentences.filter((sentence) => sentence !== '').join(' '), details)
}

function firstSentence({ id, epoch, holding, cause }: LostClaim): string {
  if (cause !== undefined) return messageOf(cause)
  if (holding === undefined) return `This client does not hold task ${quote(id)}.`
  return `This client holds task ${quote(id)} under epoch ${holding.held.epoch}, not under epoch ${epoch}: that claim is over.`
}

function sinceWhen({ epoch, holding, cause }: LostClaim, { takeovers }: Explanation, nowMs: number): string {
  const held = cause === undefined ? undefined : holding
  const lostEpoch = held?.held.epoch ?? epoch
  const sentences: string[] = []
  if (held !== undefined && held.overForMs > 0) {
    sentences.push(`Its lease of ${held.held.leaseMs} ms was over ${held.overForMs} ms ago, without a renewal in time.`)
  }
  // A client that does not name an epoch may speak of the newest one that was lost.
  const takeover = takeovers.findLast(({ epoch: taken }) => lostEpoch === undefined || taken === lostEpoch)
  if (takeover !== undefined) {
    const agoMs = Math.max(0, nowMs - takeover.atMs)
    sentences.push(`It was taken from ${quote(takeover.worker)} (epoch ${takeover.epoch}) ${agoMs} ms ago.`)
  }
  return sentences.join(' ')
}

function whereItIs({ state, reason, owner, attempts, epoch, leaseLeftMs }: Explanation): string {
  if (state !== 'processing') return `it is ${state}: ${reason}`.replace(/\.$/, '')
  if ((leaseLeftMs ?? 0) <= 0) return `nobody has it, any worker may take it (attempt ${attempts} was the last)`
  return `worker ${quote(owner)} has it (attempt ${attempts}, epoch ${epoch}, ${leaseLeftMs} ms of its lease left)`
}

/** Why a task is where it is, as far as its record tells. Pure; the runtime knows more and is asked where it can be. */
import { isClaimBehind, type TaskRecord } from '../../../domain/task-record.ts'
import { leaseLeftMs, type TaskRow } from '../model/selectors.ts'
import type { SessionState } from '../model/session-state.ts'
import { clockText, spanText } from '../ui/format.ts'

/** Tasks named that another one waits for. */
const namedMax = 5

export function reasonOf(row: TaskRow, nowMs: number): string {
  const { record, status, owner, delayLeftMs, waitsFor, error } = row
  const attempts = `${record.attempts} of ${record.maxAttempts} attempts`
  switch (status) {
    case 'completed':
      return `Completed by ${record.owner ?? 'nobody'} after ${attempts}.`
    case 'failed':
      return `Failed after ${attempts}: ${error?.message ?? 'no reason was given'}. It can be replayed.`
    case 'cancelled':
      return `Cancelled${record.cancelRequested ? `: ${record.cancelRequested}` : ''}.`
    case 'blocked': {
      const named = waitsFor.slice(0, namedMax).map((other) => `${other.id} (${other.status})`)
      const more = waitsFor.length > named.length ? ` and ${waitsFor.length - named.length} more` : ''
      return `Waits for ${named.join(', ')}${more}.`
    }
    case 'backingOff': {
      const why = error === null ? 'a delay was asked for' : `attempt ${record.attempts} failed: ${error.message}`
      return `Not before ${spanText(delayLeftMs ?? 0)} from now: ${why}.`
    }
    case 'processing': {
      const cancel = record.cancelRequested === undefined ? '' : ' Its cancellation was asked for.'
      const leftMs = leaseLeftMs(row, nowMs) ?? 0
      if (leftMs <= 0) {
        return `Attempt ${record.attempts} was started by ${owner ?? 'nobody'}, whose lease seems to be over: it waits to be taken over.${cancel}`
      }
      return `Attempt ${record.attempts} runs at ${owner ?? 'nobody'}, with ${spanText(leftMs)} of its lease left.${cancel}`
    }
    case 'pending':
      return record.type === null
        ? 'Ready; it has no type and waits for a claim from outside.'
        : `Ready, waiting for a worker that takes “${record.type}” and has room.`
  }
}

/** Of those who lost the task the processes that are gone. */
export function goneOwners(record: TaskRecord, sources: SessionState['sources']): string[] {
  const texts = new Set<string>()
  for (const { worker, incarnation } of record.takeovers ?? []) {
    const process = sources.get(incarnation)
    if (process?.isLost !== true) continue
    const { about, lastMs } = process
    const which = about.pid === null ? '' : ` (process ${about.pid})`
    texts.add(`${worker} is gone${which}: not heard of since ${clockText(lastMs).slice(0, 8)}`)
  }
  return [...texts]
}

/** Each change of owner by force that the record remembers, oldest first: who lost the task, and who has it instead. */
export function takeoverTexts(record: TaskRecord): string[] {
  const takeovers = record.takeovers ?? []
  return takeovers.map((takeover, index) => {
    const { worker, epoch } = takeover
    const next = takeovers[index + 1]
    const taker =
      next !== undefined && isClaimBehind(takeover, next.epoch)
        ? next.worker
        : isClaimBehind(takeover, record.epoch)
          ? record.owner
          : undefined
    const lost = `${worker || 'its owner'} lost it at epoch ${epoch}`
    if (taker === undefined) return next === undefined ? `${lost}; nobody has taken it over yet` : lost
    return taker === worker ? `${lost} and took it again` : `${lost}, ${taker} took it over`
  })
}

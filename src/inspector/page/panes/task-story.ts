/**
 * A task's life in words: what each version of its record changed, with what its actors did in between. Pure; knows neither the page nor
 * where the records come from.
 */
import { isTaskRecord, type TaskRecord } from '../../../domain/task-record.ts'
import type { EntryVersion, PlacedTransition } from '../model/session-state.ts'
import { spanText } from '../ui/format.ts'

export type StoryTone = 'plain' | 'good' | 'warning' | 'bad'

export interface RecordLine {
  readonly kind: 'record'
  readonly position: number
  readonly atMs: number
  readonly revision: number
  readonly tone: StoryTone
  readonly text: string
  /** Changes of the same kind told by this line, such as renewals in a row; at least 1. */
  readonly times: number
}

export interface TransitionLine {
  readonly kind: 'transition'
  readonly position: number
  readonly atMs: number
  readonly placed: PlacedTransition
}

export type StoryLine = RecordLine | TransitionLine

/** Oldest first. `versions` of the record oldest first, `transitions` of the task's actors in any order. */
export function storyOf(versions: readonly EntryVersion[], transitions: readonly PlacedTransition[]): StoryLine[] {
  const lines: StoryLine[] = recordLines(versions)
  for (const placed of transitions) {
    lines.push({ kind: 'transition', position: placed.position, atMs: placed.record.atMs, placed })
  }
  return lines.sort((a, b) => a.position - b.position)
}

/** What each version changed; the same in a row, such as renewals, is one line at the place of the last one. */
export function recordLines(versions: readonly EntryVersion[]): RecordLine[] {
  const lines: RecordLine[] = []
  let before: TaskRecord | null = null
  for (const version of versions) {
    const { position, atMs, revision, entry } = version
    const after = recordOf(version)
    const told = after === null ? withoutRecord(version) : before === null ? firstSeen(after) : changeOf(before, after, entry)
    const last = lines.at(-1)
    if (last?.text === told.text) {
      lines[lines.length - 1] = { ...last, position, atMs, revision, times: last.times + 1 }
    } else {
      lines.push({ kind: 'record', position, atMs, revision, tone: told.tone, text: told.text, times: 1 })
    }
    before = after
  }
  return lines
}

interface Told {
  readonly tone: StoryTone
  readonly text: string
}

function recordOf({ entry }: EntryVersion): TaskRecord | null {
  return entry.x?.t !== 1 && isTaskRecord(entry.value) ? entry.value : null
}

function withoutRecord({ entry }: EntryVersion): Told {
  if (entry.x?.t === 1) return { tone: 'plain', text: `${entry.workerId} swept its record away` }
  return { tone: 'warning', text: `${entry.workerId} wrote something that is no task record` }
}

function firstSeen(record: TaskRecord): Told {
  const { status, attempts, epoch, owner, enqueued } = record
  if (status === 'pending' && attempts === 0 && epoch === 0)
    return { tone: 'plain', text: `${enqueued[2]} put it into the queue` }
  if (status === 'processing') return { tone: 'plain', text: `first seen while ${owner ?? 'nobody'} ran it, at epoch ${epoch}` }
  return { tone: 'plain', text: `first seen ${status}, at epoch ${epoch} after ${attemptsText(record)}` }
}

function changeOf(before: TaskRecord, after: TaskRecord, entry: EntryVersion['entry']): Told {
  const writer = entry.workerId
  const takeover = takeoverText(before, after)
  if (after.status === 'processing') {
    if (after.epoch === before.epoch) return whileProcessing(before, after, writer)
    const claim = claimText(before, after)
    return takeover === null ? claim : { tone: 'warning', text: `${takeover}; ${claim.text}` }
  }
  if (takeover !== null) return { tone: 'warning', text: takeover }
  if (after.status === before.status && after.status !== 'pending')
    return { tone: 'plain', text: `${writer} wrote its record again` }
  switch (after.status) {
    case 'completed':
      return { tone: 'good', text: `${after.owner ?? writer} completed it` }
    case 'failed':
      return {
        tone: 'bad',
        text: `it failed for good after ${attemptsText(after)}: ${after.error?.message ?? 'no reason was given'}`,
      }
    case 'cancelled':
      return { tone: 'warning', text: `it was cancelled${because(after.cancelRequested)}` }
    case 'pending':
      return backInQueue(before, after, entry)
  }
}

function whileProcessing(before: TaskRecord, after: TaskRecord, writer: string): Told {
  if (after.cancelRequested !== undefined && before.cancelRequested === undefined) {
    return { tone: 'warning', text: `${writer} asked to cancel it${because(after.cancelRequested)}` }
  }
  if (after.lease?.renewedAtMs !== before.lease?.renewedAtMs) {
    return { tone: 'plain', text: `${after.owner ?? writer} renewed its lease` }
  }
  return { tone: 'plain', text: `${writer} wrote its record again` }
}

/** In the words of the takeover itself: a claim that follows one at once is the takeover's second half. */
function claimText(before: TaskRecord, after: TaskRecord): Told {
  const last = after.takeovers?.at(-1)
  const owner = after.owner ?? 'nobody'
  const where = `epoch ${after.epoch}, attempt ${after.attempts} of ${after.maxAttempts}`
  if (last !== undefined && before.epoch <= last.epoch + 1) {
    return last.worker === owner
      ? { tone: 'warning', text: `${owner} took it again (${where})` }
      : { tone: 'warning', text: `${owner} took it over (${where})` }
  }
  return { tone: 'plain', text: `${owner} claimed it (${where})` }
}

function takeoverText(before: TaskRecord, after: TaskRecord): string | null {
  const last = after.takeovers?.at(-1)
  const known = before.takeovers?.at(-1)
  if (last === undefined || (known !== undefined && known.epoch >= last.epoch)) return null
  return `${last.worker || 'its owner'} lost it at epoch ${last.epoch}: its lease was over`
}

function backInQueue(before: TaskRecord, after: TaskRecord, entry: EntryVersion['entry']): Told {
  if (before.status !== 'pending' && before.status !== 'processing') {
    return { tone: 'plain', text: `${entry.workerId} put it back into the queue, with all its attempts` }
  }
  if (before.status === 'processing' && after.attempts < before.attempts) {
    return { tone: 'plain', text: `${before.owner ?? 'its owner'} gave it back; the attempt does not count` }
  }
  if (before.status === 'processing' && after.error !== undefined) {
    const pause =
      after.notBefore === undefined ? '' : `; next one in ${spanText(Math.max(0, after.notBefore.wallMs - entry.timestamp))}`
    return { tone: 'warning', text: `attempt ${after.attempts} of ${after.maxAttempts} failed: ${after.error.message}${pause}` }
  }
  if (before.notBefore !== undefined && after.notBefore === undefined) {
    return { tone: 'plain', text: `${entry.workerId} ended its pause: it may be claimed at once` }
  }
  if (after.cancelRequested !== undefined && before.cancelRequested === undefined) {
    return { tone: 'warning', text: `${entry.workerId} asked to cancel it${because(after.cancelRequested)}` }
  }
  return { tone: 'plain', text: `${entry.workerId} wrote its record again` }
}

function attemptsText({ attempts, maxAttempts }: TaskRecord): string {
  return `${attempts} of ${maxAttempts} attempts`
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : `: ${reason}`
}

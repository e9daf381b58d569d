/**
 * Checks that a history of one key could have happened one operation after the other, each at some moment between its call and its
 * answer. The store's revisions give the order of writes, so the check is exact and takes one pass. Knows no store and no transport.
 */

export interface Operation {
  readonly kind: 'write' | 'read'
  /** Of the write; or of the entry that was read, 0 for none. null: a write whose outcome nobody knows. */
  readonly revision: number | null
  /** What was written or read; null where nothing was. Every write of a history has its own. */
  readonly value: string | null
  /** A write that asked for this revision. */
  readonly expected?: number
  readonly calledMs: number
  /** Infinity: it never answered. */
  readonly answeredMs: number
}

/** What is wrong, in words; empty: the history is linearizable. */
export function violationsOf(operations: readonly Operation[]): string[] {
  const known = operations.map((operation) => ({ ...operation, revision: revisionOf(operation, operations) })).filter(isKnown)
  return [...valueFaults(known), ...orderFaults(known)]
}

type Known = Operation & { readonly revision: number }

function isKnown(operation: Operation): operation is Known {
  return operation.revision !== null
}

/** Whoever reads its value knows the outcome of a write whose author does not. */
function revisionOf({ kind, revision, value }: Operation, operations: readonly Operation[]): number | null {
  if (kind === 'read' || revision !== null) return revision
  return operations.find((other) => other.kind === 'read' && other.value === value)?.revision ?? null
}

/** Reads give what the write of their revision wrote; conditions held; no two writes are one. */
function valueFaults(operations: readonly Known[]): string[] {
  const faults: string[] = []
  const valueByRevision = new Map<number, string | null>([[0, null]])
  for (const { kind, revision, value } of operations) {
    if (kind !== 'write') continue
    if (valueByRevision.has(revision)) faults.push(`two writes have revision ${revision}`)
    valueByRevision.set(revision, value)
  }
  for (const { kind, revision, value } of operations) {
    const written = valueByRevision.get(revision)
    if (kind === 'write' || written === value) continue
    const instead = written === undefined ? 'which nobody wrote' : `where ${written} was written`
    faults.push(`${value} was read at revision ${revision}, ${instead}`)
  }
  const revisions = [...valueByRevision.keys()].sort((a, b) => a - b)
  const beforeByRevision = new Map(revisions.map((revision, index) => [revision, revisions[index - 1]]))
  for (const { revision, expected } of operations) {
    const before = beforeByRevision.get(revision)
    if (expected !== undefined && before !== expected) {
      faults.push(`the write of revision ${revision} asked for ${expected} and followed ${before}`)
    }
  }
  return faults
}

/** In the order of revisions, each operation must be able to take its moment after those of all before it. */
function orderFaults(operations: readonly Known[]): string[] {
  const faults: string[] = []
  // A write comes before the reads of it; among these, first called first.
  const ordered = operations.toSorted(
    (a, b) => a.revision - b.revision || Number(b.kind === 'write') - Number(a.kind === 'write') || a.calledMs - b.calledMs,
  )
  let latest: Known | null = null
  for (const operation of ordered) {
    if (latest !== null && operation.answeredMs < latest.calledMs) {
      faults.push(
        `the ${operation.kind} of revision ${operation.revision} was answered at ${operation.answeredMs} ms, before the ${latest.kind} of revision ${latest.revision} was called at ${latest.calledMs} ms`,
      )
    }
    if (latest === null || operation.calledMs > latest.calledMs) latest = operation
  }
  return faults
}

/**
 * Whether what came in is a trace record that panes can rely on: files are written by anybody, and servers may be newer than the page.
 * Checks shapes, not sense; never throws.
 */
import type { TraceRecord, TraceRecordType } from '../../../wire/trace-record.ts'
import { valueBytes } from './value-bytes.ts'

/** Deeper charts, and those with more states, are refused: they could not be drawn. */
const chartDepthMax = 64
const chartNodesMax = 5000
/** Records that take more memory are refused; honest ones stay far below it. */
export const recordMemoryMax = 4 * 1024 * 1024

/**
 * How many bytes a good record takes in memory; null for anything else: an unknown type, a member that is missing or of the wrong kind.
 */
export function checkedBytes(value: unknown): number | null {
  if (!isTraceRecord(value)) return null
  const bytes = valueBytes(value)
  return bytes <= recordMemoryMax ? bytes : null
}

type Members = { readonly [member: string]: unknown }
type Check = (value: unknown) => boolean

function isTraceRecord(value: unknown): value is TraceRecord {
  if (!isMembers(value)) return false
  const { type, source, seq, atMs } = value
  if (!isText(source) || !isCount(seq) || !isNumber(atMs)) return false
  const shape = typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type as TraceRecordType] : undefined
  return shape !== undefined && fits(value, shape)
}

function fits(value: unknown, shape: readonly (readonly [member: string, check: Check])[]): boolean {
  if (!isMembers(value)) return false
  for (const [member, check] of shape) if (!check(value[member])) return false
  return true
}

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isCount: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isJson: Check = (value) => value !== undefined
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const oneOf = (...texts: readonly string[]): Check => {
  const known: ReadonlySet<unknown> = new Set(texts)
  return (value) => known.has(value)
}
const shapeOf = (members: { readonly [member: string]: Check }): Check => {
  const shape = Object.entries(members)
  return (value) => fits(value, shape)
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isEvent = shapeOf({ type: isText })

const isVersion: Check = (value) => {
  if (!isMembers(value)) return false
  for (const worker in value) if (!isCount(value[worker])) return false
  return true
}

const isDot: Check = (value) =>
  Array.isArray(value) && value.length === 3 && isText(value[0]) && isCount(value[1]) && isText(value[2])
const isGuard: Check = (value) => Array.isArray(value) && value.length === 2 && isText(value[0]) && isCount(value[1])
const isFieldWriter: Check = (value) =>
  Array.isArray(value) && value.length === 3 && isNumber(value[0]) && isNumber(value[1]) && isText(value[2])
const isFieldWriters: Check = (value) => isMembers(value) && Object.values(value).every(isFieldWriter)

const isEntry = shapeOf({
  value: isJson,
  version: isVersion,
  timestamp: isNumber,
  workerId: isText,
  ttl: orAbsent(isNumber),
  x: orAbsent(shapeOf({ d: isDot, c: orAbsent(isNumber), e: orAbsent(isGuard), f: orAbsent(isFieldWriters) })),
})

const isEdge = shapeOf({
  id: isText,
  kind: oneOf('event', 'always', 'after', 'done', 'error', 'wildcard'),
  event: isText,
  label: isText,
  guard: orAbsent(isText),
  targets: listOf(isText),
  actions: listOf(isText),
  description: orAbsent(isText),
})

const isNodeAlone = shapeOf({
  id: isText,
  key: isText,
  type: oneOf('atomic', 'compound', 'parallel', 'final', 'history'),
  history: orAbsent(oneOf('shallow', 'deep')),
  description: orAbsent(isText),
  initial: orAbsent(isText),
  tags: listOf(isText),
  entry: listOf(isText),
  exit: listOf(isText),
  invoke: listOf(isText),
  states: Array.isArray,
  edges: listOf(isEdge),
})

/** Level by level: charts from elsewhere may be nested without end. */
const isChart: Check = (value) => {
  if (!isMembers(value) || !isText(value.id)) return false
  let level: readonly unknown[] = [value.root]
  let nodes = 0
  for (let depth = 0; depth < chartDepthMax; depth++) {
    if (level.length === 0) return true
    nodes += level.length
    if (nodes > chartNodesMax || !level.every(isNodeAlone)) return false
    level = level.flatMap((node) => (node as { readonly states: readonly unknown[] }).states)
  }
  return false
}

const shapes: Readonly<Record<TraceRecordType, readonly (readonly [member: string, check: Check])[]>> = {
  source: Object.entries({
    kind: oneOf('process', 'memory'),
    workerId: isText,
    incarnation: isText,
    pid: orNull(isNumber),
    host: orNull(isText),
    namespace: isText,
    store: isText,
  }),
  chart: [['chart', isChart]],
  actor: Object.entries({
    address: isText,
    chartId: orNull(isText),
    parent: orNull(isText),
    state: isJson,
    context: isJson,
    restarts: isCount,
  }),
  transition: Object.entries({
    address: isText,
    event: isEvent,
    sender: orNull(isText),
    from: isJson,
    to: isJson,
    edges: listOf(isText),
    actions: listOf(shapeOf({ type: isText })),
    writes: listOf(shapeOf({ key: isText })),
    status: oneOf('active', 'done', 'error', 'stopped'),
    mailbox: isCount,
    durationMs: isNumber,
  }),
  'actor.ended': Object.entries({ address: isText, how: oneOf('done', 'stopped', 'crashed'), error: orAbsent(isText) }),
  'dead-letter': Object.entries({ address: isText, event: isEvent }),
  change: Object.entries({ key: isText, revision: isCount, entry: isEntry, isSnapshot: orAbsent((value) => value === true) }),
  conflict: Object.entries({ key: isText, sides: listOf(isEntry), strategy: isText, resolved: isJson, discarded: isCount }),
  problem: Object.entries({ code: isText, message: isText, key: orAbsent(isText) }),
  metrics: Object.entries({
    actors: isNumber,
    transitions: isNumber,
    committedUnits: isNumber,
    committedBatches: isNumber,
    pendingWrites: isNumber,
    commitP50Ms: orNull(isNumber),
    commitMaxMs: orNull(isNumber),
    cacheHits: isNumber,
    cacheMisses: isNumber,
    conflicts: isNumber,
    problems: isNumber,
    deadLetters: isNumber,
    breaker: oneOf('closed', 'open', 'half-open', 'unknown'),
    ready: isNumber,
    running: isNumber,
    heapBytes: isNumber,
  }),
  // Whatever the reason: what is missing must never go unsaid.
  gap: Object.entries({ lost: orNull(isCount), reason: isText }),
  'source.lost': [['reason', isText]],
}

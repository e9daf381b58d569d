/**
 * The little language of the page's filters. Pure; knows actors and records, and no list of them.
 *
 * ```
 * kind:task state:processing      both must hold
 * state:failed,cancelled          one of these
 * -type:metrics                   not that
 * "out of memory"                 words as they stand; without quotes each word counts alone
 * source:"worker a"               quotes go anywhere
 * ```
 *
 * Upper and lower case are one. `type`, `kind`, `state`, `status` and `chart` compare whole names; the other fields and words look for a
 * part. `state` is any of the nested names, or a path of them (`processing.waiting`). A field that a thing does not have fits nothing.
 */
import type { Json } from '../../../domain/json.ts'
import type { TraceRecord } from '../../../wire/trace-record.ts'
import type { ActorView } from './session-state.ts'

export const queryFields = [
  'type',
  'kind',
  'state',
  'status',
  'chart',
  'address',
  'source',
  'parent',
  'sender',
  'event',
  'key',
  'writer',
] as const
export type QueryField = (typeof queryFields)[number]
/** Those that actors have. */
export const actorFields: readonly QueryField[] = ['kind', 'state', 'status', 'chart', 'address', 'source', 'parent']

export interface Query {
  /** All must hold; none: everything fits. */
  readonly terms: readonly QueryTerm[]
  /** Field names that there are not, for a hint: `knid:task` is looked for as a word. */
  readonly unknownFields: readonly string[]
}

export interface QueryTerm {
  /** null: any text of it. */
  readonly field: QueryField | null
  readonly isNot: boolean
  /** One of these must fit. */
  readonly patterns: readonly RegExp[]
}

/** Terms read of one text; the rest of it is ignored. */
export const queryTermsMax = 32
/** Values deeper than this are not searched. */
const searchDepthMax = 32

const wholeFields: ReadonlySet<QueryField> = new Set(['type', 'kind', 'state', 'status', 'chart'])
/** `-`, a field's name and a colon, each optional; then quoted and unquoted parts up to white space. */
const term = /(-?)(?:(\w+):)?((?:"[^"]*"?|[^\s"])+)/g

/** Understands every text: what is half typed is taken as it stands. */
export function parseQuery(text: string): Query {
  const terms: QueryTerm[] = []
  const unknownFields: string[] = []
  for (const [, minus, name, body = ''] of text.matchAll(term)) {
    if (terms.length >= queryTermsMax) break
    const field = fieldOf(name)
    // A field whose value is still to be typed.
    if (body.endsWith(':') && fieldOf(body.slice(0, -1)) !== null) continue
    if (name !== undefined && field === null) unknownFields.push(name)
    const values = field === null ? [unquoted(name === undefined ? body : `${name}:${body}`)] : valuesOf(body)
    const patterns = values.filter((value) => value !== '').map((value) => patternOf(value, field))
    if (patterns.length > 0) terms.push({ field, isNot: minus === '-', patterns })
  }
  return { terms, unknownFields }
}

export function matchesActor(query: Query, actor: ActorView): boolean {
  return query.terms.every(({ field, isNot, patterns }) => {
    const texts = field === null ? allOfActor(actor) : ofActor(field, actor)
    return isNot !== texts.some((text) => fits(patterns, text))
  })
}

export function matchesRecord(query: Query, record: TraceRecord): boolean {
  return query.terms.every(({ field, isNot, patterns }) => {
    const holds =
      field === null
        ? hasText(record as unknown as Json, patterns, searchDepthMax)
        : ofRecord(field, record).some((text) => fits(patterns, text))
    return isNot !== holds
  })
}

function fieldOf(name: string | undefined): QueryField | null {
  return queryFields.find((field) => field === name?.toLowerCase()) ?? null
}

/** Commas divide, but not inside of quotes. */
function valuesOf(body: string): string[] {
  return (body.match(/(?:"[^"]*"?|[^,"])+/g) ?? []).map(unquoted)
}

function unquoted(text: string): string {
  return text.replaceAll('"', '')
}

function patternOf(value: string, field: QueryField | null): RegExp {
  const escaped = value.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  return new RegExp(field !== null && wholeFields.has(field) ? `^${escaped}$` : escaped, 'i')
}

function fits(patterns: readonly RegExp[], text: string): boolean {
  return patterns.some((pattern) => pattern.test(text))
}

function ofActor(field: QueryField, actor: ActorView): readonly string[] {
  switch (field) {
    case 'kind':
      return [actor.kind]
    case 'address':
      return [actor.address]
    case 'source':
      return [actor.source]
    case 'status':
      return [actor.status]
    case 'state':
      return stateNames(actor.state)
    case 'chart':
      return actor.chartId === null ? [] : [actor.chartId]
    case 'parent':
      return actor.parent === null ? [] : [actor.parent]
    default:
      return []
  }
}

/** Not its context: thousands of actors are searched while somebody types. */
function allOfActor(actor: ActorView): readonly string[] {
  return [actor.id, actor.status, actor.chartId ?? '', ...stateNames(actor.state)]
}

function ofRecord(field: QueryField, record: TraceRecord): readonly string[] {
  switch (field) {
    case 'type':
      return [record.type]
    case 'source':
      return [record.source]
    case 'address':
      return 'address' in record ? [record.address] : []
    case 'kind':
      return 'address' in record ? [kindOf(record.address)] : []
    case 'state':
      if (record.type === 'transition') return [...stateNames(record.from), ...stateNames(record.to)]
      return record.type === 'actor' ? stateNames(record.state) : []
    case 'status':
      return record.type === 'transition' ? [record.status] : record.type === 'actor.ended' ? [record.how] : []
    case 'event':
      return 'event' in record ? [record.event.type] : []
    case 'sender':
      return record.type === 'transition' && record.sender !== null ? [record.sender] : []
    case 'chart':
      if (record.type === 'chart') return [record.chart.id]
      return record.type === 'actor' && record.chartId !== null ? [record.chartId] : []
    case 'parent':
      return record.type === 'actor' && record.parent !== null ? [record.parent] : []
    case 'key':
      if (record.type === 'transition') return record.writes.map(({ key }) => key)
      return 'key' in record && record.key !== undefined ? [record.key] : []
    case 'writer':
      if (record.type === 'conflict') return record.sides.map(({ workerId }) => workerId)
      return record.type === 'change' ? [record.entry.workerId] : []
  }
}

/** The address up to the first `/`. */
export function kindOf(address: string): string {
  const end = address.indexOf('/')
  return end === -1 ? address : address.slice(0, end)
}

/** Every name in a state, and the paths that lead to it. */
function stateNames(state: Json, path = '', depthLeft = searchDepthMax): string[] {
  if (depthLeft === 0 || state === null || typeof state === 'number' || typeof state === 'boolean') return []
  if (typeof state === 'string') return path === '' ? [state] : [state, `${path}.${state}`]
  const names: string[] = []
  for (const [name, inner] of Object.entries(state)) {
    const inside = path === '' ? name : `${path}.${name}`
    names.push(name, inside, ...stateNames(inner as Json, inside, depthLeft - 1))
  }
  return names
}

/** Members' names count too. */
function hasText(value: Json, patterns: readonly RegExp[], depthLeft: number): boolean {
  if (value === null || depthLeft === 0) return false
  if (typeof value === 'string') return fits(patterns, value)
  if (typeof value !== 'object') return fits(patterns, String(value))
  for (const member in value) {
    if (!Array.isArray(value) && fits(patterns, member)) return true
    if (hasText((value as { readonly [member: string]: Json })[member] as Json, patterns, depthLeft - 1)) return true
  }
  return false
}

/** What is different between two JSON values, as a flat list for people. Bounded; knows nothing of what the values mean. */
import type { Json } from '../../../domain/json.ts'

export interface Difference {
  /** `a.b[0]["two words"]`; empty: the whole value. */
  readonly path: string
  /** Absent: it was not there. */
  readonly before?: Json
  /** Absent: it is not there any more. */
  readonly after?: Json
}

export interface Differences {
  /** In the order of the members of `before`, then what is new. */
  readonly list: readonly Difference[]
  /** There are more than are told. */
  readonly isCut: boolean
}

export const differencesMax = 200
/** Values that differ below this depth are told whole. */
const depthMax = 32

/** Arrays are compared by index. Values that were cut are compared by what is left of them. */
export function differences(before: Json | undefined, after: Json | undefined): Differences {
  const found: Found = { list: [], isCut: false }
  compare(before, after, '', depthMax, found)
  return found
}

interface Found {
  readonly list: Difference[]
  isCut: boolean
}

type Members = { readonly [member: string]: Json }

function compare(before: Json | undefined, after: Json | undefined, path: string, depthLeft: number, found: Found): void {
  if (before === after || found.isCut) return
  if (depthLeft > 0) {
    if (isArray(before) && isArray(after)) {
      const length = Math.max(before.length, after.length)
      for (let index = 0; index < length && !found.isCut; index++) {
        compare(before[index], after[index], `${path}[${index}]`, depthLeft - 1, found)
      }
      return
    }
    if (isMembers(before) && isMembers(after)) {
      for (const member of Object.keys(before)) {
        compare(before[member], memberOf(after, member), memberPath(path, member), depthLeft - 1, found)
      }
      for (const member of Object.keys(after)) {
        if (!Object.hasOwn(before, member)) compare(undefined, after[member], memberPath(path, member), depthLeft - 1, found)
      }
      return
    }
  } else if (JSON.stringify(before) === JSON.stringify(after)) {
    return
  }
  if (found.list.length >= differencesMax) {
    found.isCut = true
    return
  }
  found.list.push({ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) })
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Own ones only: a value may have a member named like one of every object. */
function memberOf(members: Members, member: string): Json | undefined {
  return Object.hasOwn(members, member) ? members[member] : undefined
}

const plainName = /^[\p{L}_$][\p{L}\p{N}_$]*$/u

function memberPath(path: string, member: string): string {
  if (!plainName.test(member)) return `${path}[${JSON.stringify(member)}]`
  return path === '' ? member : `${path}.${member}`
}

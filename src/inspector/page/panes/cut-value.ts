/** Values that records tell without all of them: cut as a whole or, as entries of the memory often are, in their members. Pure. */
import type { Json } from '../../../domain/json.ts'
import { type CutValue, isCut } from '../../../wire/trace-record.ts'

export function isCutSomewhere(value: Json | CutValue): boolean {
  return isCut(value) || (value !== null && typeof value === 'object' && Object.values(value).some(isCut))
}

/** As JSON, up to where something is missing. */
export function textBeforeCut(value: Json | CutValue): string {
  // What is left of it was closed again.
  if (isCut(value)) return value.text.replace(/["\]}]+$/, '')
  if (!isCutSomewhere(value)) return JSON.stringify(value)
  const members = Object.entries(value as { readonly [name: string]: Json })
  const cutAt = members.findIndex(([, member]) => isCut(member))
  return `{${members
    .slice(0, cutAt + 1)
    .map(([name, member]) => `${JSON.stringify(name)}:${textBeforeCut(member)}`)
    .join(',')}`
}

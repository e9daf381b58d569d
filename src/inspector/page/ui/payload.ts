/** The members of an event as a person types them: JSON, or nothing. Pure. */
import type { Json } from '../../../domain/json.ts'

export type Payload =
  | { readonly ok: true; readonly members: { readonly [member: string]: Json } }
  | { readonly ok: false; readonly fault: string }

export function parsePayload(text: string): Payload {
  if (text.trim() === '') return { ok: true, members: {} }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return { ok: false, fault: cause instanceof Error ? cause.message : String(cause) }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { ok: false, fault: 'Members stand in braces: { "name": value }' }
  }
  if ('type' in value) return { ok: false, fault: 'The type is chosen already: leave "type" out.' }
  return { ok: true, members: value as { readonly [member: string]: Json } }
}

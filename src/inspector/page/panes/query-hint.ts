/** What is said of a filter that may not mean what its writer meant. Pure. */
import type { Query, QueryField } from '../model/selectors.ts'

/** @param fields those that what is filtered has. null: there is nothing to say. */
export function queryHint({ unknownFields }: Query, fields: readonly QueryField[]): string | null {
  const names = [...new Set(unknownFields)]
  if (names.length === 0) return null
  const said = names.map((name) => `“${name}”`).join(', ')
  return `${said} ${names.length === 1 ? 'is no field: looked for as a word' : 'are no fields: looked for as words'}. Fields: ${fields.join(', ')}`
}

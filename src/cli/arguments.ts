/** What commands are given as text, checked: numbers, JSON, a place to resume at. Knows no command. */
import { InvalidArgumentError } from 'commander'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'

/** For commander: a whole number within the range. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

/** For commander: seconds, fractions allowed. */
export function seconds(text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number
  throw new InvalidArgumentError('It must be a number of seconds above 0.')
}

/** For commander: a revision to resume behind, or `now`. */
export function revisionOrNow(text: string): number | 'now' {
  if (text === 'now') return text
  try {
    return wholeNumber(0, Number.MAX_SAFE_INTEGER)(text)
  } catch {
    throw new InvalidArgumentError('It must be a revision (a whole number) or "now".')
  }
}

/** @throws `invalid_value` with what to write instead. */
export function parseJsonValue(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    const advice =
      text.trim() === ''
        ? 'Give a JSON value, for example 42 or \'{"a":1}\'.'
        : `To store it as a string, add --text or quote it twice: '${JSON.stringify(text.slice(0, 40))}'.`
    throw new MemorySyncError('invalid_value', `${quote(text)} is not JSON. ${advice}`, { cause })
  }
}

/**
 * The whole of a stream as text.
 *
 * @throws `too_large` above `charactersMax`, before all of it is in memory.
 */
export async function readText(source: AsyncIterable<string>, charactersMax: number, what: string): Promise<string> {
  let text = ''
  for await (const chunk of source) {
    text += chunk
    if (text.length > charactersMax) {
      throw new MemorySyncError('too_large', `${what} has more than ${charactersMax} characters`)
    }
  }
  return text
}

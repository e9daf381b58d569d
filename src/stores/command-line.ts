/**
 * A command line as words, the way a POSIX shell splits it: spaces part words, 'single quotes' keep everything, "double quotes"
 * keep everything but a backslash before one of `"`, `\`, `$` and a backquote, a backslash keeps the character behind it. Leading
 * words NAME=value are environment. Nothing is expanded: no variables, no globs, no pipes. Pure.
 */
import { MemorySyncError, quote } from '../domain/errors.ts'

export interface CommandLine {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s

/** @throws `invalid_option` for an open quote, a backslash at the end, or no command. */
export function parseCommandLine(line: string): CommandLine {
  const words = wordsOf(line)
  const env: Record<string, string> = {}
  let first = 0
  for (; first < words.length; first++) {
    const found = assignment.exec(words[first] as string)
    if (found === null) break
    env[found[1] as string] = found[2] as string
  }
  const [command, ...args] = words.slice(first)
  if (command === undefined || command === '') {
    throw new MemorySyncError('invalid_option', `${quote(line)} names no command; write mcp+stdio:<command> <arguments>`)
  }
  return { command, args, env }
}

type Inside = 'nothing' | 'single quotes' | 'double quotes'

function wordsOf(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let inside: Inside = 'nothing'
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string
    if (inside === 'single quotes') {
      if (character === "'") inside = 'nothing'
      else word += character
    } else if (character === '\\') {
      const kept: string | undefined = line[++at]
      if (kept === undefined)
        throw new MemorySyncError('invalid_option', `${quote(line)} ends with a backslash; write \\\\ for one`)
      word = (word ?? '') + (inside === 'nothing' || '"\\$`'.includes(kept) ? kept : `\\${kept}`)
    } else if (inside === 'double quotes') {
      if (character === '"') inside = 'nothing'
      else word += character
    } else if (character === "'" || character === '"') {
      inside = character === "'" ? 'single quotes' : 'double quotes'
      word ??= ''
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      word = (word ?? '') + character
    }
  }
  if (inside !== 'nothing') throw new MemorySyncError('invalid_option', `${quote(line)} has ${inside} that do not end`)
  if (word !== null) words.push(word)
  return words
}

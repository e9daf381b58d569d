/** Where a name is cut that must keep its end. Pure. */

/** Characters of the end that are never cut. */
export const tailChars = 6

/** Both together are the name. Never within a character that is written as two. */
export function middleParts(text: string, tailMax = tailChars): readonly [head: string, tail: string] {
  const tail = [...text.slice(-2 * tailMax)].slice(-tailMax).join('')
  return [text.slice(0, text.length - tail.length), tail]
}

/** The name in at most so many characters, for where nothing else can cut it. `tailMax` is less than `charsMax`. */
export function middleCut(text: string, charsMax: number, tailMax: number): string {
  if (text.length <= charsMax) return text
  const [head, tail] = middleParts(text, tailMax)
  return `${[...head].slice(0, charsMax - tailMax - 1).join('')}…${tail}`
}

/** Text in Mermaid diagrams: any text as a label that the parser of no diagram takes for syntax. Knows no diagram. */

/** Longer labels are cut: they make a drawing unreadable. */
export const labelCharactersMax = 120

/** A label: letters, digits and harmless signs stay, everything else becomes Mermaid's entity code (`#59;`). */
export function mermaidLabel(text: string): string {
  const characters = [...text]
  const cut = characters.length > labelCharactersMax ? [...characters.slice(0, labelCharactersMax - 1), '…'] : characters
  const label = cut.map((character) => (harmless.test(character) ? character : `#${character.codePointAt(0)};`)).join('')
  // An empty label is a syntax error in most places, and white space at its ends is lost.
  return label.trim() === '' ? '(empty)' : label
}

const harmless = /[\p{L}\p{N} _.,/+=?!'()[\]@|…→-]/u

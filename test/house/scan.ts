/**
 * Reads TypeScript sources just well enough to check the house: what they import, and which names they use outside of
 * comments and strings. Knows no rules.
 */

export interface Import {
  /** As written; null where it is no literal. */
  readonly specifier: string | null
  readonly line: number
}

export interface Scan {
  readonly imports: readonly Import[]
  /** The source with all comments and the insides of all strings blanked; lines and columns are kept. */
  readonly code: string
  lineOf(offset: number): number
}

/**
 * The ways to name another module. The first covers `import … from`, `export … from` and their `type` forms: between the
 * keyword and `from` stand only names.
 */
const importForms: readonly RegExp[] = [
  /(?<![.\w$])(?:import|export)\b(?=[\s{*])[^;'"`()=]*?\bfrom\s*(?<quote>['"])/g,
  /(?<![.\w$])import\s*(?<quote>['"])/g,
  /(?<![.\w$])(?:import|require)\s*\(\s*(?<quote>['"`])?/g,
]
/** A thread's entry is an import as well, though by the name of the built file; other URLs lead to data. */
const threadForm = /(?<![.\w$])new\s+URL\s*\(\s*(?<quote>['"])(?=[^()]*\bimport\s*\.\s*meta\s*\.\s*url\b)/g

export function scan(source: string): Scan {
  const code = blankTextAndComments(source)
  const lineOf = (offset: number): number => source.slice(0, offset).split('\n').length
  const imports: Import[] = []
  const find = (form: RegExp, specifierOf: (text: string | null) => string | null | undefined): void => {
    for (const match of code.matchAll(form)) {
      const opens = match.index + match[0].length
      const quote = match.groups?.quote
      const closes = quote === undefined ? -1 : code.indexOf(quote, opens)
      const specifier = specifierOf(closes === -1 ? null : source.slice(opens, closes))
      if (specifier !== undefined) imports.push({ specifier, line: lineOf(opens) })
    }
  }
  for (const form of importForms) find(form, (text) => (text?.includes('${') === true ? null : text))
  find(threadForm, (text) => (text !== null && /\.[jt]s$/.test(text) ? text.replace(/\.js$/, '.ts') : undefined))
  return { imports, code, lineOf }
}

const wordsBeforeExpression = /(?:^|[^.\w$])(?:return|typeof|instanceof|case|do|else|in|of|new|delete|void|throw|await|yield)$/

/** Keeps every line break, quote and template bracket where it is. */
function blankTextAndComments(source: string): string {
  let code = ''
  /** For each open `${` of a template, how many braces are open inside it. */
  const templates: number[] = []
  let at = 0

  const blankTo = (end: number): void => {
    code += source.slice(at, end).replace(/[^\n]/g, ' ')
    at = end
  }
  const keep = (length: number): void => {
    code += source.slice(at, at + length)
    at += length
  }
  const endOf = (pattern: RegExp): number => {
    pattern.lastIndex = at
    const found = pattern.exec(source)
    return found === null ? source.length : found.index + found[0].length
  }
  const templateText = (): void => {
    const end = endOf(/(?:\\[\s\S]|\$(?!\{)|[^\\`$])*/y)
    blankTo(end)
    if (source.startsWith('${', at)) {
      keep(2)
      templates.push(0)
    } else {
      keep(1)
    }
  }

  while (at < source.length) {
    const character = source[at] ?? ''
    if (source.startsWith('//', at)) {
      blankTo(endOf(/[^\n]*/y))
    } else if (source.startsWith('/*', at)) {
      blankTo(endOf(/[\s\S]*?\*\//y))
    } else if (character === "'" || character === '"') {
      const end = endOf(character === "'" ? /'(?:\\[\s\S]|[^\\'\n])*/y : /"(?:\\[\s\S]|[^\\"\n])*/y)
      keep(1)
      blankTo(end)
      keep(1)
    } else if (character === '`') {
      keep(1)
      templateText()
    } else if (character === '/' && beginsRegExp(code)) {
      keep(1)
      blankTo(endOf(/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])*/y))
      keep(1)
    } else if (character === '{' || character === '}') {
      const open = templates.length - 1
      const depth = templates[open]
      keep(1)
      if (depth === undefined) continue
      if (character === '{') {
        templates[open] = depth + 1
      } else if (depth > 0) {
        templates[open] = depth - 1
      } else {
        templates.pop()
        templateText()
      }
    } else {
      keep(1)
    }
  }
  return code
}

/** A slash divides after a value and begins a regular expression anywhere else. */
function beginsRegExp(codeBefore: string): boolean {
  const before = codeBefore.slice(-200).trimEnd()
  const last = before.slice(-1)
  return last === '' || /[(,=:[!&|?{};+\-*%~^<>]/.test(last) || wordsBeforeExpression.test(before)
}

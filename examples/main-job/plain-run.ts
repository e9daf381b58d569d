/**
 * The same computation with a loop instead of a runtime: one process, one file after the other, no memory to share. What
 * the job gives must equal it.
 */
import { readFile } from 'node:fs/promises'
import type { TextFile } from './files.ts'
import { factsOf, type Index, indexOf, merged, type TextFacts } from './text-index.ts'

export interface Result {
  /** By file number. */
  readonly facts: readonly TextFacts[]
  readonly index: Index
}

export async function plainRun(files: readonly TextFile[]): Promise<Result> {
  const facts: TextFacts[] = []
  const parts: Index[] = []
  for (const { path } of files) {
    const content = await readFile(path)
    parts.push(indexOf(content.toString(), parts.length))
    facts.push(await factsOf(content))
  }
  return { facts, index: merged(parts) }
}

const shownMax = 10
const shownCharactersMax = 160

/** How two results differ, in words, at most {@link shownMax} lines; empty when they are equal. */
export function differences(files: readonly TextFile[], job: Result, plain: Result): string[] {
  const found: string[] = []
  for (const [file, { name }] of files.entries()) {
    for (const fact of ['bytes', 'lines', 'words', 'sha256', 'packedBytes'] as const) {
      const [ours, theirs] = [job.facts[file]?.[fact], plain.facts[file]?.[fact]]
      if (ours !== theirs) found.push(`${name}: ${fact} ${ours}, plainly ${theirs}`)
    }
  }
  const rowByWord = new Map(plain.index.map((row) => [row[0], JSON.stringify(row)]))
  for (const row of job.index) {
    const plainly = rowByWord.get(row[0])
    if (plainly !== JSON.stringify(row)) found.push(`word ${JSON.stringify(row[0])}: ${JSON.stringify(row)}, plainly ${plainly}`)
    rowByWord.delete(row[0])
  }
  for (const word of rowByWord.keys()) found.push(`word ${JSON.stringify(word)} is missing`)
  if (job.index.length !== plain.index.length) found.push(`${job.index.length} words, plainly ${plain.index.length}`)
  const shown = found.slice(0, shownMax).map((difference) => difference.slice(0, shownCharactersMax))
  return found.length > shownMax ? [...shown, `and ${found.length - shownMax} more`] : shown
}

/** `inspect sequence`: a recorded session as a sequence diagram. Opens no memory. */
import type { Command } from 'commander'
import { mermaidSequence, sequenceMessagesMax } from '../../wire/mermaid-sequence.ts'
import type { TraceRecord } from '../../wire/trace-record.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
import { recordsIn } from '../recorded-session.ts'
import type { Cli } from '../session.ts'

/** A diagram has room for few of them. */
const recordsMax = 1_000_000

export function inspectSequenceCommand({ output }: Cli): Command {
  return command('sequence', 'Print a recorded session as a Mermaid sequence diagram.', {
    details: 'Events between actors, what they write to memory and what is committed there, in order.',
    examples: [
      ['inspect sequence session.jsonl', 'of a file of "inspect export" or of the page'],
      ['inspect sequence session.jsonl --actor task/42', 'only what concerns one actor'],
    ],
  })
    .argument('<file>', 'an exported session')
    .option('--actor <address>', 'only what this actor sends, takes and writes')
    .option('--max <n>', `messages drawn (default: ${sequenceMessagesMax})`, wholeNumber(1, 10_000))
    .action(async (file: string, _given: unknown, self: Command) => {
      const { actor, max } = optionsOf<{ actor?: string; max?: number }>(self)
      const records = await read(file, actor)
      const mermaid = mermaidSequence(records, max === undefined ? {} : { messagesMax: max })
      await (output.isJson ? output.json({ mermaid }) : output.line(mermaid))
    })
}

async function read(file: string, actor: string | undefined): Promise<TraceRecord[]> {
  const kept: TraceRecord[] = []
  for await (const records of recordsIn(file)) {
    for (const record of records) if (actor === undefined || concerns(record, actor)) kept.push(record)
    if (kept.length >= recordsMax) break
  }
  return kept
}

/** Sources and gaps concern everybody. */
function concerns(record: TraceRecord, actor: string): boolean {
  switch (record.type) {
    case 'transition':
      return record.address === actor || record.sender === actor
    case 'actor':
    case 'actor.ended':
    case 'dead-letter':
      return record.address === actor
    case 'change':
    case 'conflict':
      return false
    default:
      return true
  }
}

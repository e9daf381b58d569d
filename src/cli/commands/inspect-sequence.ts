/** `inspect sequence`: a recorded session as a sequence diagram. Opens no memory. */
import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { MemorySyncError, messageOf, quote } from '../../domain/errors.ts'
import { SessionFileReader } from '../../inspector/page/model/session-file.ts'
import { mermaidSequence, sequenceMessagesMax } from '../../wire/mermaid-sequence.ts'
import type { TraceRecord } from '../../wire/trace-record.ts'
import { wholeNumber } from '../arguments.ts'
import { command, optionsOf } from '../documented.ts'
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
  const reader = new SessionFileReader()
  const records: TraceRecord[] = []
  const keep = (more: readonly TraceRecord[]): void => {
    for (const record of more) if (actor === undefined || concerns(record, actor)) records.push(record)
  }
  try {
    for await (const text of createReadStream(file, 'utf8') as AsyncIterable<string>) {
      keep(reader.read(text))
      if (records.length >= recordsMax) return records
    }
    keep(reader.end())
  } catch (cause) {
    // Whatever the reason, it is the wrong file.
    throw new MemorySyncError('invalid_value', `${quote(file)} cannot be read: ${messageOf(cause)}`, { cause })
  }
  return records
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

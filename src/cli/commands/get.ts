/** `get`: the value of one key, or all that is known about its entry. */
import type { Command } from 'commander'
import { systemClock } from '../../platform.ts'
import type { MemoryItem } from '../../runtime/memory.ts'
import { command, optionsOf } from '../documented.ts'
import { notFound } from '../exit-codes.ts'
import { type Cli, type Session, withSession } from '../session.ts'
import { formatDuration, jsonText, printable } from '../table.ts'

export function getCommand(cli: Cli): Command {
  return command('get', 'Print the value of a key as JSON.', {
    details: 'Keys are given in full, with their namespace. With --json the value is one line.',
    examples: [
      ['get config/model', 'the value, indented'],
      ['get config/model --json | jq .name', 'for scripts'],
      ['get task-sentinel/tasks/t1/state --entry', 'who wrote it, when, at which revision'],
    ],
  })
    .argument('<key>', 'the whole key')
    .option('--entry', 'show revision, writer, version, time and ttl beside the value')
    .action(async (key: string, _given: unknown, self: Command) => {
      const options = optionsOf<{ entry?: boolean }>(self)
      await withSession(cli, options, async (session) => {
        const item = await session.runtime.memory.entry(key)
        if (item === null) throw noValue(session, key)
        if (options.entry !== true) await cli.output.line(jsonText(item.value, cli.output.isJson ? undefined : 2))
        else if (cli.output.isJson) await cli.output.json(entryDocument(item))
        else for (const line of entryLines(item, systemClock.wallMs())) await cli.output.line(line)
      })
    })
}

export function noValue({ runtime }: Session, key: string): Error {
  return notFound(`no value at ${JSON.stringify(key)} in ${runtime.storeUrl}`)
}

/** An entry as `--json` shows it, in `watch` too. */
export function entryDocument({ key, value, revision, entry }: MemoryItem) {
  const { version, workerId, timestamp, ttl } = entry
  return { key, value, revision, version, workerId, timestamp, ...(hasTtl(ttl) ? { ttl } : {}) }
}

function entryLines({ key, value, revision, entry }: MemoryItem, nowMs: number): string[] {
  const { version, workerId, timestamp, ttl } = entry
  const versions = Object.entries(version).map(([worker, counter]) => `${worker}: ${counter}`)
  const expiry = hasTtl(ttl)
    ? `${ttl} s, expires in ${formatDuration(timestamp + ttl * 1000 - nowMs)}`
    : 'none, the value does not expire'
  const facts: readonly (readonly [string, string])[] = [
    ['key', key],
    ['revision', String(revision)],
    ['writer', workerId],
    ['written', `${new Date(timestamp).toISOString()} (${formatDuration(nowMs - timestamp)} ago)`],
    ['version', versions.join(', ')],
    ['ttl', expiry],
  ]
  return [...facts.map(([name, text]) => `${name.padEnd(10)}${printable(text)}`), 'value', jsonText(value, 2)]
}

function hasTtl(ttl: number | undefined): ttl is number {
  return ttl !== undefined && ttl > 0
}

/** The recordings beside this file: one line per call, in order. Knows nothing of how they are played back. */
import { readFileSync } from 'node:fs'
import type { ServerCapabilities, Tool } from '@modelcontextprotocol/sdk/types.js'

export type WireVersion = '2.0.0' | '2.7.47' | '3.43.0'

/** The first line: what the server said of itself. Of its tools only those of memory, without their descriptions. */
export interface WireHeader {
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly capabilities: ServerCapabilities
  readonly memoryTools: readonly Tool[]
}

/**
 * What was done and what came back. Long arguments were recorded as `<102400 chars>`, long replies are cut: `...(+33359)`. Lines
 * without a tool are other requests, or the recorder's own notes about the calls before.
 */
export interface WireLine {
  readonly title: string
  readonly tool?: string
  readonly args?: Readonly<Record<string, unknown>>
  /** The text of the reply's only content. */
  readonly text?: string
  /** Instead of a reply: the error, as the SDK's client words it. */
  readonly THROWN?: string
  readonly code?: number
  readonly data?: unknown
  /** The result of a request that is no tool call, as JSON. */
  readonly r?: string
  readonly [note: string]: unknown
}

export function readWire(version: WireVersion): { header: WireHeader; lines: readonly WireLine[] } {
  const text = readFileSync(new URL(`./wire/claude-flow-${version}.jsonl`, import.meta.url), 'utf8')
  const [header, ...lines] = text.trimEnd().split('\n')
  return { header: JSON.parse(header ?? '') as WireHeader, lines: lines.map((line) => JSON.parse(line) as WireLine) }
}

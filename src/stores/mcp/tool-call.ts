/** What a memory server speaks and what its tools answer, as values. Knows no connection. */

/** What a memory server speaks, found by the names of its tools. */
export type Dialect = 'ours' | 'claude-flow-v2' | 'claude-flow-v3'

/** What a tool answered. That it answered `isError` is for the caller to judge. */
export interface ToolReply {
  /** The structured answer; undefined from servers that give none. */
  readonly structured: unknown
  /** The text content, its parts joined by line breaks. */
  readonly text: string
  readonly isError: boolean
  /** What our own server says of an error beside the text: `{ code, message, retryable, key? }`. */
  readonly error: unknown
  /** Which session it came by, counted from 1. */
  readonly session: number
}

/** The store at a memory server, on the real clock and chance unless others are given: for `createRuntime({ store })` and wrappers. */

import { consoleLogger, systemClock, systemRandom } from '../platform.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Store } from '../ports/store.ts'
import * as mcp from '../stores/mcp/mcp-store.ts'

export interface McpStoreOptions extends Omit<mcp.McpStoreOptions, 'clock' | 'random'> {
  readonly clock?: Clock
  /** Spreads attempts over time. */
  readonly random?: Random
}

/**
 * Connects to nothing yet: `open()`, or the first call, does.
 *
 * @throws `invalid_option` for a malformed option.
 */
export function mcpStore(options: McpStoreOptions): Store {
  const { clock = systemClock, random = systemRandom, logger = consoleLogger() } = options
  return mcp.mcpStore({ ...options, clock, random, logger })
}

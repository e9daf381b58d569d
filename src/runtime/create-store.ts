/** The stores that need no server, on the real clock unless another is given: for `createRuntime({ store })` and wrappers. */

import { consoleLogger, systemClock } from '../platform.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Store } from '../ports/store.ts'
import * as file from '../stores/file.ts'
import * as memory from '../stores/memory.ts'

export interface MemoryStoreOptions {
  /** Handles of one name share their data inside this process. Default: private. */
  readonly name?: string
  readonly clock?: Clock
}

export interface FileStoreOptions {
  /** Created if need be; relative to the working directory. */
  readonly directory: string
  /** What a receipt promises: it survives `kill -9`, or a power cut too. Default `process-crash`. */
  readonly durability?: 'process-crash' | 'fsync'
  readonly clock?: Clock
  readonly logger?: Logger
}

/** Lives while at least one of its handles is open; nothing survives the process. */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return memory.memoryStore({ ...options, clock: options.clock ?? systemClock })
}

/** Shared by all processes of this machine that name the directory. @throws `invalid_option` */
export function fileStore(options: FileStoreOptions): Store {
  return file.fileStore({ ...options, clock: options.clock ?? systemClock, logger: options.logger ?? consoleLogger() })
}

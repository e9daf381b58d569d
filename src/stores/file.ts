/** Being built. */
import { MemorySyncError } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Store } from '../ports/store.ts'

export interface FileStoreOptions {
  readonly directory: string
  readonly clock: Clock
  readonly logger?: Logger
  readonly durability?: 'process-crash' | 'fsync'
  readonly entryBytesMax?: number
}

export function fileStore(options: FileStoreOptions): Store {
  throw new MemorySyncError('not_supported', `file stores are being built (${options.directory})`)
}

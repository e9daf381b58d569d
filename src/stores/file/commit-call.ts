/**
 * One call of `commit` while its units are on their way: they may go in several chunks and come back at different times. Owns
 * how the call settles, once.
 */
import type { MemorySyncError } from '../../domain/errors.ts'
import type { Durability, Receipt } from '../../ports/store.ts'

export interface CommitOptions {
  readonly durability: Durability
  readonly entryBytesMax: number
  readonly signal: AbortSignal | undefined
}

export class CommitCall {
  readonly options: CommitOptions
  /** How many units it has. */
  readonly size: number
  readonly #receipts: Receipt[]
  readonly #resolve: (receipts: readonly Receipt[]) => void
  readonly #reject: (error: MemorySyncError) => void
  #left: number
  /** The last error that a unit had because nothing could be said of it. */
  #error: MemorySyncError | null = null

  constructor(
    units: number,
    options: CommitOptions,
    resolve: (receipts: readonly Receipt[]) => void,
    reject: (error: MemorySyncError) => void,
  ) {
    this.options = options
    this.size = units
    this.#receipts = new Array(units)
    this.#left = units
    this.#resolve = resolve
    this.#reject = reject
  }

  settle(index: number, receipt: Receipt): void {
    this.#receipts[index] = receipt
    if (--this.#left > 0) return
    const error = this.#error
    // Some of its units may have receipts: then the call tells of each.
    if (error !== null && this.#receipts.every((one) => one.type === 'failed' && one.error === error)) this.#reject(error)
    else this.#resolve(this.#receipts)
  }

  fail(index: number, error: MemorySyncError): void {
    this.#error = error
    this.settle(index, { type: 'failed', error })
  }
}

/**
 * The bound of calls in flight, as slots: who finds none free waits, first come, first served. Owns the queue; knows no call.
 */
import { MemorySyncError } from '../../domain/errors.ts'
import { abortedError } from '../refusals.ts'

interface Waiter {
  give(): void
  refuse(error: MemorySyncError): void
}

export class CallSlots {
  readonly #slotsMax: number
  readonly #waitingMax: number
  /** In order of their coming: a Set keeps it, and lets one leave from the middle. */
  readonly #waiting = new Set<Waiter>()
  #taken = 0

  constructor(slotsMax: number, waitingMax: number) {
    this.#slotsMax = slotsMax
    this.#waitingMax = waitingMax
  }

  /**
   * A function that gives the slot back, once: at once when one is free, so that the call is on its way when the caller goes on.
   *
   * @throws `backpressure` when as many wait as may, `aborted` when the signal aborts before the turn came.
   */
  take(signal?: AbortSignal): (() => void) | Promise<() => void> {
    if (this.#taken < this.#slotsMax) {
      this.#taken++
      return this.#releaser()
    }
    if (this.#waiting.size >= this.#waitingMax) {
      const message = `${this.#waiting.size} calls wait for the memory server already, which is as many as may; call again later`
      return Promise.reject(new MemorySyncError('backpressure', message))
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => waiter.refuse(abortedError(signal as AbortSignal))
      const waiter: Waiter = {
        give: () => {
          leave()
          resolve(this.#releaser())
        },
        refuse(error) {
          leave()
          reject(error)
        },
      }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  refuseAll(error: MemorySyncError): void {
    for (const waiter of [...this.#waiting]) waiter.refuse(error)
  }

  #releaser(): () => void {
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      // The slot goes from hand to hand: nobody who comes just now is faster than who waits.
      for (const waiter of this.#waiting) return waiter.give()
      this.#taken--
    }
  }
}

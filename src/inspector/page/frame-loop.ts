/**
 * Runs work once before the next picture, however often it was asked for; once a second while the page is hidden, where browsers draw
 * no pictures. Knows nothing of the work.
 */
import type { Browser, Cancel } from './browser-port.ts'

export const hiddenPeriodMs = 1000

export class FrameLoop {
  readonly #browser: Browser
  readonly #step: () => void
  readonly #unlisten: Cancel
  #cancel: Cancel | null = null

  constructor(browser: Browser, step: () => void) {
    this.#browser = browser
    this.#step = step
    this.#unlisten = browser.onVisibility(() => {
      // A frame that was asked for before the page was hidden would come only when it is shown again.
      if (this.#cancel === null) return
      this.#cancel()
      this.#cancel = null
      this.request()
    })
  }

  request(): void {
    if (this.#cancel !== null) return
    const run = (): void => {
      this.#cancel = null
      this.#step()
    }
    this.#cancel = this.#browser.isHidden() ? this.#browser.after(hiddenPeriodMs, run) : this.#browser.onFrame(run)
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#unlisten()
  }
}

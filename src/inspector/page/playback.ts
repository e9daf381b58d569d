/**
 * Plays a recorded stretch: moves the shown place on at a multiple of the speed at which it happened. Long silences are cut short. Owns
 * no place: it asks where it is and says where to go.
 */
import { type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { Browser, Cancel } from './browser-port.ts'
import type { RecordingReader } from './model/session-state.ts'

/** Times the speed at which it happened. */
export const speeds = [0.1, 1, 10, 100] as const
/** A longer silence, as it is watched, is left out. */
export const silenceMsMax = 1500

export interface PlaybackOptions {
  readonly browser: Browser
  readonly recording: RecordingReader
  /** Place that is shown. */
  at(): number
  moveTo(position: number): void
  /** Everything has been shown. */
  onEnd(): void
}

export class Playback {
  readonly speed: Signal<number> = signal(1)
  readonly #isPlaying = signal(false)
  readonly #options: PlaybackOptions
  #cancel: Cancel | null = null
  /** Time in the recording, which stands between two records most of the time. */
  #recordedMs = 0
  #lastMs = 0

  constructor(options: PlaybackOptions) {
    this.#options = options
  }

  get isPlaying(): ReadonlySignal<boolean> {
    return this.#isPlaying
  }

  play(): void {
    if (this.#isPlaying.value) return
    this.#isPlaying.value = true
    this.#recordedMs = this.#timeOf(this.#options.at() - 1)
    this.#lastMs = this.#options.browser.monotonicMs()
    this.#frame()
  }

  pause(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#isPlaying.value = false
  }

  #frame(): void {
    this.#cancel = this.#options.browser.onFrame(() => {
      const { recording, at, moveTo, onEnd } = this.#options
      const speed = this.speed.value
      const nowMs = this.#options.browser.monotonicMs()
      this.#recordedMs += (nowMs - this.#lastMs) * speed
      this.#lastMs = nowMs
      const place = Math.max(at(), recording.firstPosition)
      if (place >= recording.endPosition) {
        this.pause()
        onEnd()
        return
      }
      const silenceMs = this.#timeOf(place) - this.#recordedMs
      if (silenceMs > silenceMsMax * speed) this.#recordedMs = this.#timeOf(place)
      const reached = recording.positionAtMs(this.#recordedMs) + 1
      if (reached > place) moveTo(Math.min(reached, recording.endPosition))
      this.#frame()
    })
  }

  /** What is not there has the time of what was shown last. */
  #timeOf(position: number): number {
    const { recording } = this.#options
    const place = Math.max(position, recording.firstPosition)
    return recording.at(place)?.atMs ?? this.#recordedMs
  }
}

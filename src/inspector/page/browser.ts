/**
 * The one file of the page with real time, network and storage: the real {@link Browser}. Knows nothing of what it is used for.
 * Touches the window only when called, so that other files can be read without one.
 */
import type { Browser } from './browser-port.ts'
import { chunksOf } from './chunks-of.ts'

export const browser: Browser = {
  wallMs: () => Date.now(),
  monotonicMs: () => window.performance.now(),
  onFrame(run) {
    const handle = requestAnimationFrame(run)
    return () => cancelAnimationFrame(handle)
  },
  after(delayMs, run) {
    const handle = window.setTimeout(run, delayMs)
    return () => clearTimeout(handle)
  },
  every(periodMs, run) {
    const handle = window.setInterval(run, periodMs)
    return () => clearInterval(handle)
  },
  isHidden: () => document.hidden,
  onVisibility(run) {
    document.addEventListener('visibilitychange', run)
    return () => document.removeEventListener('visibilitychange', run)
  },

  openEvents(path, names, listener) {
    const stream = new EventSource(path, { withCredentials: true })
    const close = () => stream.close()
    stream.onopen = () => listener.onOpen()
    // The browser's own reconnecting hides for how long it waits and why: ours is told from outside.
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) stream.close()
      stream.onerror = null
      listener.onEnd()
    }
    for (const name of ['message', ...names]) {
      stream.addEventListener(name, (event: MessageEvent<string>) => listener.onMessage(name, event.data, event.lastEventId))
    }
    return close
  },
  async request(method, path, body) {
    const answer = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    })
    return { status: answer.status, text: await answer.text() }
  },
  async *read(path) {
    const { ok, status, body } = await fetch(path, { credentials: 'same-origin', cache: 'no-store' })
    if (!ok || body === null) throw new Error(`the server answered ${status}`)
    yield* chunksOf(body)
  },

  kept(name) {
    try {
      return localStorage.getItem(prefix + name)
    } catch {
      return null // storage is off, or the page was opened from a file
    }
  },
  keep(name, text) {
    try {
      localStorage.setItem(prefix + name, text)
    } catch {
      // full or off: it lasts until the page is closed
    }
  },

  prefersDark: () => matchMedia(dark).matches,
  onPreference(run) {
    const query = matchMedia(dark)
    query.addEventListener('change', run)
    return () => query.removeEventListener('change', run)
  },
  copy: (text) => navigator.clipboard.writeText(text),
  download(fileName, parts) {
    const url = URL.createObjectURL(new Blob([...parts], { type: 'application/jsonl' }))
    const link = document.createElement('a')
    link.href = url
    link.download = fileName
    link.click()
    // The download reads the blob after the click.
    window.setTimeout(() => URL.revokeObjectURL(url), blobLifeMs)
  },
}

const prefix = 'memory-sync.inspector.'
const dark = '(prefers-color-scheme: dark)'
const blobLifeMs = 60_000

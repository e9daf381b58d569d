/**
 * `fetch` as the SDK's HTTP transport is given it. The transport hands one and the same abort signal to every request, and each
 * leaves a listener on it until it is collected: over 1,500 in flight, or just not yet collected, Node floods stderr with
 * warnings. Here every request has a signal of its own, and the shared one a single listener.
 *
 * - H1 a request is aborted when the transport closes, and at the latest after `replyMsMax`: no socket outlives its call for ever
 * - H2 no stream for news is opened: the stores ask for changes, and the stream's own reconnecting would only make noise
 */
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { Clock } from '../../ports/clock.ts'

/** @param replyMsMax milliseconds; longer than any caller waits. */
export function separateFetch(clock: Clock, replyMsMax: number): FetchLike {
  const inFlight = new Set<AbortController>()
  const followed = new WeakSet<AbortSignal>()

  function follow(shared: AbortSignal): void {
    if (followed.has(shared)) return
    followed.add(shared)
    const abortAll = (): void => {
      for (const own of [...inFlight]) own.abort(shared.reason)
    }
    shared.addEventListener('abort', abortAll, { once: true })
  }

  return async (url, init) => {
    // 405 is how a server says that it offers no such stream.
    if (init?.method === 'GET') return new Response(null, { status: 405 })
    const shared = init?.signal
    if (shared?.aborted) throw shared.reason
    if (shared) follow(shared)
    const own = new AbortController()
    inFlight.add(own)
    const late = (): void => own.abort(new DOMException(`no whole reply within ${replyMsMax} ms`, 'TimeoutError'))
    const timer = clock.setTimer(replyMsMax, late, { keepAlive: false })
    const release = (): void => {
      timer.cancel()
      inFlight.delete(own)
    }
    try {
      const response = await fetch(url, { ...init, signal: own.signal })
      if (response.body === null) {
        release()
        return response
      }
      const { status, statusText, headers } = response
      if (headers.get('content-type')?.startsWith('application/json') === true) {
        // It ends by itself: one read is cheaper than a stream around a stream.
        const whole = await response.arrayBuffer()
        release()
        return new Response(whole, { status, statusText, headers })
      }
      return new Response(whenRead(response.body, release), { status, statusText, headers })
    } catch (thrown) {
      release()
      throw thrown
    }
  }
}

/** The same bytes; `onEnd` runs when they have been read, given up, or failed. */
function whenRead(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) {
          controller.enqueue(value)
          return
        }
      } catch (thrown) {
        onEnd()
        throw thrown
      }
      onEnd()
      controller.close()
    },
    async cancel(reason) {
      onEnd()
      await reader.cancel(reason)
    },
  })
}

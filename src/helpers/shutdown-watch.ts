/**
 * Who waits for something of a host hears when it shuts down. One listener for each host, however many wait: Node warns of more
 * than ten on one emitter. Knows nothing of what is awaited.
 */

/** A host that says when it shuts down; one that cannot is never heard of. */
export interface ShutdownHost {
  once?(event: 'shutdown', listener: () => void): unknown
  off?(event: 'shutdown', listener: () => void): unknown
}

interface Watch {
  readonly waiting: Set<() => void>
  readonly listener: () => void
}

const watchByHost = new WeakMap<ShutdownHost, Watch>()

/** @returns what stops it; the last of a host's to stop removes the listener. */
export function watchShutdown(host: ShutdownHost, run: () => void): () => void {
  const watch = watchByHost.get(host) ?? listenTo(host)
  // A key of its own: the same function may be given twice.
  const wait = (): void => run()
  watch.waiting.add(wait)
  return () => {
    if (!watch.waiting.delete(wait) || watch.waiting.size > 0) return
    host.off?.('shutdown', watch.listener)
    if (watchByHost.get(host) === watch) watchByHost.delete(host)
  }
}

function listenTo(host: ShutdownHost): Watch {
  const waiting = new Set<() => void>()
  const listener = (): void => {
    watchByHost.delete(host)
    for (const wait of waiting) wait()
  }
  const watch = { waiting, listener }
  watchByHost.set(host, watch)
  host.once?.('shutdown', listener)
  return watch
}

/** Whose session is shown, for the header and for the browser's tab. Knows no element of the page. */
import type { App } from './app.ts'

const product = 'memory-sync'

/** As the server says it, or else as the newest records do, also while a moment before them is shown. Empty: nobody has said it. */
export function namespaceOf({ info, recording, state }: Pick<App, 'info' | 'recording' | 'state'>): string {
  // Read for its change: a recording does not tell of its own.
  const shown = state.value.namespace
  return info.value?.namespace || recording.stateAt(recording.endPosition).namespace || shown
}

export function pageTitle(namespace: string): string {
  return namespace === '' ? `${product} inspector` : `${namespace} – ${product} inspector`
}

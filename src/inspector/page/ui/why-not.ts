/** Why a button cannot do anything at the moment, in words for its tooltip. Pure. */
import type { App } from '../app.ts'

export function whyNot(app: App): string | null {
  if (app.canAct.value) return null
  const connection = app.connection.value
  if (connection.type === 'recorded') return 'This is a recorded session: there is no runtime behind it.'
  if (connection.type !== 'live') return 'Not connected.'
  if (app.position.value !== null) return 'You look at the past: go back to live to act.'
  return 'The inspector is read-only: start it with --allow-actions.'
}

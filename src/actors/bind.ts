/** Refuses a chart with an effect that nobody provided: it would do nothing where it should act, and look healthy. */
import { unboundEffects } from '../../machines/effect.ts'
import { MemorySyncError } from '../domain/errors.ts'

export function assertBound<T extends { readonly id: string; readonly implementations: { readonly actions?: object } }>(
  machine: T,
): T {
  const names = unboundEffects((machine.implementations.actions ?? {}) as Record<string, unknown>)
  if (names.length > 0) {
    throw new MemorySyncError('invalid_option', `the chart "${machine.id}" has effects that nobody provides: ${names.join(', ')}`)
  }
  return machine
}

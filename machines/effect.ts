/**
 * Placeholders for what a chart asks of the world. A chart names its effects and gives them plain parameters; the edge
 * (`src/actors`) says what they do. A chart with a placeholder left is refused before it starts.
 */

const placeholders = new WeakSet<object>()

/** A named effect with parameters of this type, to be provided at the edge. */
export function effect<Params>(): (_: unknown, params: Params) => void {
  const placeholder = (): void => {}
  placeholders.add(placeholder)
  return placeholder
}

/** The names of effects that nobody provided. */
export function unboundEffects(actions: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(actions).filter((name) => {
    const action = actions[name]
    return typeof action === 'function' && placeholders.has(action)
  })
}

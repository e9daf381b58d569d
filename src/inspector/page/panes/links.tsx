/** Names that lead to the pane where they are at home. */
import type { App } from '../app.ts'

export function ActorLink({ app, source, address }: { readonly app: App; readonly source: string; readonly address: string }) {
  const id = `${source}|${address}`
  if (!app.state.value.actors.has(id)) return <span class="mono">{address}</span>
  return (
    <button type="button" class="link mono" title="Show its chart" onClick={() => app.showActor(id)}>
      {address}
    </button>
  )
}

export function KeyLink({ app, memoryKey }: { readonly app: App; readonly memoryKey: string }) {
  return (
    <button type="button" class="link mono" title="Show it in memory" onClick={() => app.showKey(memoryKey)}>
      {memoryKey}
    </button>
  )
}

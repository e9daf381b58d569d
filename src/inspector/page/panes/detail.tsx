/** What is told beside a list about the chosen actor or the chosen record. Owns the choice between the two, and what stands where nothing is. */
import type { App } from '../app.ts'
import { EmptyState } from '../ui/empty-state.tsx'
import { ActorDetail } from './detail-actor.tsx'
import { RecordDetail } from './detail-record.tsx'

export function Detail({ app, of }: { readonly app: App; readonly of: 'actor' | 'record' }) {
  return <div class="pane-side">{of === 'actor' ? <ChosenActor app={app} /> : <ChosenRecord app={app} />}</div>
}

function ChosenActor({ app }: { readonly app: App }) {
  const id = app.selectedActor.value
  const actor = id === null ? undefined : app.state.value.actors.get(id)
  if (actor !== undefined) return <ActorDetail app={app} actor={actor} />
  return (
    <EmptyState title="Not here at this moment">
      The chosen actor had not started yet, or was dropped long after its end. Move the time bar to see it.
    </EmptyState>
  )
}

function ChosenRecord({ app }: { readonly app: App }) {
  const position = app.selectedPosition.value
  // Read for its change: old records go while new ones come.
  void app.state.value
  const record = position === null ? undefined : app.recording.at(position)
  if (position !== null && record !== undefined) return <RecordDetail app={app} position={position} record={record} />
  return (
    <EmptyState title="This record was let go">The page keeps the newest records; save a session to keep all of it.</EmptyState>
  )
}

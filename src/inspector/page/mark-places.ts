/** Leads from a mark of the time bar to the pane where what it marks is at home. Knows how each pane remembers what is chosen in it. */
import type { App } from './app.ts'
import type { Marker } from './time-markers.ts'
import { remembered } from './ui/remembered.ts'

type Places = Pick<App, 'pane' | 'selectedActor' | 'showKey' | 'showRecord'>

export function showMarked(app: Places, { position, subject }: Pick<Marker, 'position' | 'subject'>): void {
  switch (subject.type) {
    case 'task':
      remembered<string>('tasks.chosen', '').value = subject.id
      app.pane.value = 'tasks'
      return
    case 'key':
      remembered<string>('memory.tab', 'value').value = 'conflicts'
      app.showKey(subject.id)
      return
    case 'actor': {
      const view = remembered<string>('actors.view', 'tree')
      if (view.value === 'letters') view.value = 'tree'
      app.selectedActor.value = subject.id
      app.pane.value = 'actors'
      return
    }
    case 'record':
      app.showRecord(position)
  }
}

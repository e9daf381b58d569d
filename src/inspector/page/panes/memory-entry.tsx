/** The chosen key: its value and entry, what was seen of it before, its conflicts. Owns which of these is shown. */
import { useMemo } from 'preact/hooks'
import type { App } from '../app.ts'
import { Badge } from '../ui/badge.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { remembered } from '../ui/remembered.ts'
import { Switch } from '../ui/toolbar.tsx'
import { lifeOf } from './entry-facts.ts'
import { About } from './facts.tsx'
import { MemoryConflicts } from './memory-conflicts.tsx'
import { MemoryHistory } from './memory-history.tsx'
import { MemoryValue } from './memory-value.tsx'

type Tab = 'value' | 'history' | 'conflicts'

export function MemoryEntry({ app, memoryKey }: { readonly app: App; readonly memoryKey: string }) {
  const tab = remembered<Tab>('memory.tab', 'value')
  const state = app.state.value
  const view = state.entries.get(memoryKey)
  const conflicts = useMemo(() => state.conflicts.filter(({ key }) => key === memoryKey), [state.conflicts, memoryKey])
  if (view === undefined) {
    return (
      <EmptyState title="Not there at this moment">
        <code>{memoryKey}</code> has not been seen up to here. Go to a later moment, or wait until it is written.
      </EmptyState>
    )
  }
  const life = lifeOf(view.current.entry, app.nowMs.value)
  const shown = tab.value === 'conflicts' && conflicts.length === 0 ? 'value' : tab.value
  return (
    <div class="pane-side">
      <About
        name={memoryKey}
        state={
          <>
            {conflicts.length > 0 && (
              <Badge tone="waiting">in conflict {conflicts.length === 1 ? 'once' : `${conflicts.length} times`}</Badge>
            )}
            <Badge tone={life === 'live' ? 'good' : 'rest'}>{life}</Badge>
          </>
        }
      >
        <div class="memory-tabs">
          <Switch
            label="What is shown of the entry"
            value={shown}
            options={[
              { value: 'value', label: 'Value' },
              { value: 'history', label: `History ${view.history.length + 1}` },
              ...(conflicts.length === 0 ? [] : [{ value: 'conflicts' as const, label: `Conflicts ${conflicts.length}` }]),
            ]}
            onChange={(value) => {
              tab.value = value
            }}
          />
        </div>
        {shown === 'value' && <MemoryValue app={app} view={view} />}
        {shown === 'history' && <MemoryHistory app={app} view={view} conflicts={conflicts} />}
        {shown === 'conflicts' && <MemoryConflicts conflicts={conflicts} />}
      </About>
    </div>
  )
}

/**
 * The page around the panes: rail, header, time bar, keyboard, files that are dropped. Knows which panes there are and nothing of what
 * is in them.
 */
import type { ComponentChildren, ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { App, PaneName } from './app.ts'
import type { PageApp } from './create-app.ts'
import { Header } from './header.tsx'
import { ActorsPane } from './panes/actors-pane.tsx'
import { ChartPane } from './panes/chart-pane.tsx'
import { Detail } from './panes/detail.tsx'
import { LocksPane } from './panes/locks-pane.tsx'
import { LogPane } from './panes/log-pane.tsx'
import { MemoryPane } from './panes/memory-pane.tsx'
import { PlotsPane } from './panes/plots-pane.tsx'
import { SequencePane } from './panes/sequence-pane.tsx'
import { TasksPane } from './panes/tasks-pane.tsx'
import { WorkersPane } from './panes/workers-pane.tsx'
import { openFile } from './session-files.ts'
import { type ShellCommand, shellCommand } from './shortcuts.ts'
import { ShortcutsDialog } from './shortcuts-dialog.tsx'
import { TimeBar } from './time-bar.tsx'
import { placeOfMark } from './time-markers.ts'
import { Icon, type IconName } from './ui/icon.tsx'
import { closeSelector, SplitPane } from './ui/split-pane.tsx'
import { filterSelector } from './ui/toolbar.tsx'

interface PaneEntry {
  readonly name: PaneName
  readonly label: string
  readonly icon: IconName
  readonly pane: ComponentType<{ app: App }>
  /** What is chosen in it is told beside it. */
  readonly detail?: 'actor' | 'record'
}

const panes: readonly PaneEntry[] = [
  { name: 'actors', label: 'Actors', icon: 'actors', pane: ActorsPane, detail: 'actor' },
  { name: 'chart', label: 'Chart', icon: 'chart', pane: ChartPane },
  { name: 'sequence', label: 'Sequence', icon: 'sequence', pane: SequencePane, detail: 'record' },
  { name: 'log', label: 'Log', icon: 'log', pane: LogPane, detail: 'record' },
  { name: 'memory', label: 'Memory', icon: 'memory', pane: MemoryPane },
  { name: 'tasks', label: 'Tasks', icon: 'tasks', pane: TasksPane },
  { name: 'workers', label: 'Workers', icon: 'workers', pane: WorkersPane },
  { name: 'locks', label: 'Locks', icon: 'locks', pane: LocksPane },
  { name: 'plots', label: 'Plots', icon: 'plots', pane: PlotsPane },
]

export function Shell({ app }: { readonly app: PageApp }) {
  const [isHelpOpen, setHelpOpen] = useState(false)
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || isInDialog(event.target)) return
      const command = shellCommand(event, kindOf(event.target))
      if (command === null) return
      event.preventDefault()
      if (command.type === 'help') setHelpOpen(true)
      else run(app, command)
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  }, [app])

  const entry = panes.find(({ name }) => name === app.pane.value) ?? panes[0]
  return (
    <Dropzone app={app}>
      <Header app={app} onHelp={() => setHelpOpen(true)} />
      <Rail app={app} />
      <main class="pane" aria-label={entry?.label}>
        {entry !== undefined && <PaneWithDetail key={entry.name} app={app} entry={entry} />}
      </main>
      <TimeBar app={app} />
      {isHelpOpen && <ShortcutsDialog onClose={() => setHelpOpen(false)} />}
    </Dropzone>
  )
}

function PaneWithDetail({ app, entry }: { readonly app: PageApp; readonly entry: PaneEntry }) {
  const Pane = entry.pane
  if (entry.detail === undefined) return <Pane app={app} />
  const chosen = entry.detail === 'actor' ? app.selectedActor : app.selectedPosition
  return (
    <SplitPane
      name="detail"
      label="Details"
      main={<Pane app={app} />}
      side={chosen.value === null ? null : <Detail app={app} of={entry.detail} />}
      onClose={() => {
        chosen.value = null
      }}
    />
  )
}

function Rail({ app }: { readonly app: PageApp }) {
  return (
    <nav class="rail" aria-label="Panes">
      {panes.map(({ name, label, icon }, index) => (
        <button
          key={name}
          type="button"
          class="rail-item"
          aria-current={app.pane.value === name ? 'page' : undefined}
          aria-keyshortcuts={String(index + 1)}
          title={`${label} (${index + 1})`}
          onClick={() => {
            app.pane.value = name
          }}
        >
          <Icon name={icon} />
          <span class="rail-label">{label}</span>
          <kbd class="rail-key">{index + 1}</kbd>
        </button>
      ))}
    </nav>
  )
}

/** The whole page takes a session file. */
function Dropzone({ app, children }: { readonly app: PageApp; readonly children: ComponentChildren }) {
  const [isOver, setOver] = useState(false)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the same as the button "Open a session", for those who drag
    <div
      class={`shell${isOver ? ' is-dropping' : ''}`}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes('Files') !== true) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => {
        if (event.relatedTarget === null) setOver(false)
      }}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        const file = event.dataTransfer?.files[0]
        if (file !== undefined) openFile(app, file)
      }}
    >
      {children}
      {isOver && <div class="drop-hint">Drop a session (.jsonl) to open it</div>}
    </div>
  )
}

function run(app: PageApp, command: Exclude<ShellCommand, { readonly type: 'help' }>): void {
  switch (command.type) {
    case 'pane': {
      const entry = panes[command.index]
      if (entry !== undefined) app.pane.value = entry.name
      return
    }
    case 'filter':
      document.querySelector<HTMLElement>(filterSelector)?.focus()
      return
    case 'close': {
      const button = document.querySelector<HTMLElement>(closeSelector)
      if (button !== null) button.click()
      else app.selectedActor.value = null
      return
    }
    case 'pause':
      app.togglePause()
      return
    case 'step':
      app.step(command.by)
      return
    case 'mark': {
      const place = placeOfMark(app.markers.value, app.position.value ?? app.recording.endPosition, command.by)
      if (place === null) return
      app.playback.pause()
      app.position.value = place
      return
    }
    case 'live':
      app.goLive()
  }
}

/** While one is open, keys belong to it. */
function isInDialog(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('dialog') !== null
}

/** What a key press would do by itself where it happens. */
function kindOf(target: EventTarget | null): 'text' | 'button' | 'other' {
  if (!(target instanceof HTMLElement)) return 'other'
  if (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    return target instanceof HTMLInputElement && target.type === 'range' ? 'other' : 'text'
  }
  return target.closest('button, a, summary') === null ? 'other' : 'button'
}

/** The line at the top: whose session this is, whether it is live, how much there is and how much is missing. */
import { useEffect, useRef } from 'preact/hooks'
import type { PageApp } from './create-app.ts'
import { useCalmState } from './panes/calm-state.ts'
import { openFile } from './session-files.ts'
import { namespaceOf, pageTitle } from './session-name.ts'
import { chosenTheme, type Theme } from './theme.ts'
import { Badge } from './ui/badge.tsx'
import { bytesText, clockText, countOf, countText } from './ui/format.ts'
import { Icon } from './ui/icon.tsx'
import { filterText } from './ui/remembered.ts'

export function Header({ app, onHelp }: { readonly app: PageApp; onHelp(): void }) {
  const info = app.info.value
  const namespace = namespaceOf(app)
  useEffect(() => {
    document.title = pageTitle(namespace)
  }, [namespace])
  return (
    <header class="header">
      <div class="header-line">
        <h1 class="header-name">
          <Logo />
          memory-sync
        </h1>
        {namespace !== '' && (
          <span class="header-namespace cut" title={`Namespace ${namespace}`}>
            {namespace}
          </span>
        )}
        {info !== null && (
          <span class="header-about cut" title={`Store ${info.store}, served by ${info.servedBy}, memory-sync ${info.version}`}>
            {info.store} · served by {info.servedBy}
          </span>
        )}
        <ConnectionLabel app={app} />
        <span class="header-fill" />
        <Counts app={app} />
        <Tools app={app} onHelp={onHelp} />
      </div>
      <Banner app={app} />
    </header>
  )
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <circle cx="10" cy="5" r="2.6" />
      <circle cx="4.6" cy="15" r="2.6" />
      <circle cx="15.4" cy="15" r="2.6" />
      <path d="m8.8 7.4-2.9 5.2m5.3-5.2 2.9 5.2M7.2 15h5.6" />
    </svg>
  )
}

function ConnectionLabel({ app }: { readonly app: PageApp }) {
  const connection = app.connection.value
  switch (connection.type) {
    case 'live':
      return <span class="link-state is-good">Live</span>
    case 'connecting':
      // A server that has recorded for long tells all of it first.
      return <span class="link-state is-waiting">{app.state.value.position > 0 ? 'Catching up' : 'Connecting'}</span>
    case 'disconnected':
      return <span class="link-state is-bad">{waitText(app) ?? 'Connecting again'}</span>
    case 'recorded':
      return <span class="link-state is-rest">Recorded session</span>
  }
}

function waitText(app: PageApp): string | null {
  const retryAtMs = app.retryAtMs.value
  if (retryAtMs === null) return null
  const seconds = Math.max(0, Math.ceil((retryAtMs - app.localMs.value) / 1000))
  return seconds === 0 ? 'Connecting again' : `Connecting again in ${seconds} s`
}

function Counts({ app }: { readonly app: PageApp }) {
  const { state } = useCalmState(app)
  const { recording } = app
  const uncounted = state.gaps.some((gap) => gap.lost === null)
  let live = 0
  for (const actor of state.actors.values()) if (actor.status === 'active') live++
  return (
    <span class="counts">
      {recording.dropped > 0 && (
        <Badge title="The page keeps the newest records; the oldest were let go.">{countText(recording.dropped)} let go</Badge>
      )}
      {(state.lost > 0 || uncounted) && (
        <button
          type="button"
          class="badge is-warn is-button"
          title="Records that never reached this page: sampling, a slow page, a connection that was away. Show the gaps."
          onClick={() => {
            filterText('log').value = 'type:gap'
            app.pane.value = 'log'
          }}
        >
          <Icon name="warn" />
          {state.lost > 0 ? `${countText(state.lost)}${uncounted ? ' and more' : ''} lost` : 'some lost'}
        </button>
      )}
      {state.problems.length > 0 && (
        <button
          type="button"
          class="badge is-bad is-button"
          title="Background faults that runtimes reported. Show them."
          onClick={() => {
            filterText('log').value = 'type:problem'
            app.pane.value = 'log'
          }}
        >
          {countOf(state.problems.length, 'problem')}
        </button>
      )}
      <span class="count" title="Actors that live">
        <b>{countText(live)}</b> {live === 1 ? 'actor' : 'actors'}
      </span>
      <span class="count" title="Keys seen in memory">
        <b>{countText(state.entries.size)}</b> {state.entries.size === 1 ? 'key' : 'keys'}
      </span>
      <span class="count" title="Records kept in this page">
        <b>{countText(recording.endPosition - recording.firstPosition)}</b> records
      </span>
    </span>
  )
}

function Tools({ app, onHelp }: { readonly app: PageApp; onHelp(): void }) {
  const input = useRef<HTMLInputElement>(null)
  const theme = chosenTheme()
  const shown = document.documentElement.dataset.theme
  const other: Theme = (theme.value === 'system' ? shown : theme.value) === 'dark' ? 'light' : 'dark'
  return (
    <span class="tools">
      <input
        ref={input}
        type="file"
        accept=".jsonl,application/jsonl,application/x-ndjson"
        hidden
        data-open-session=""
        onChange={(event) => {
          const file = event.currentTarget.files?.[0]
          if (file !== undefined) openFile(app, file)
          event.currentTarget.value = ''
        }}
      />
      <ToolButton icon="open" label="Open a session (.jsonl)" onClick={() => input.current?.click()} />
      <ToolButton icon="save" label="Save this session (.jsonl)" onClick={() => app.exportSession()} />
      <ToolButton
        icon={other === 'dark' ? 'moon' : 'sun'}
        label={other === 'dark' ? 'Dark' : 'Light'}
        onClick={() => {
          theme.value = other
        }}
      />
      <ToolButton icon="help" label="Keys (?)" onClick={onHelp} />
    </span>
  )
}

interface ToolButtonProps {
  readonly icon: Parameters<typeof Icon>[0]['name']
  readonly label: string
  onClick(): void
}

function ToolButton({ icon, label, onClick }: ToolButtonProps) {
  return (
    <button type="button" class="button is-quiet is-icon" title={label} aria-label={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  )
}

/** What needs saying over the whole width: no server, a file that was not whole. */
function Banner({ app }: { readonly app: PageApp }) {
  const connection = app.connection.value
  const notice = app.notice.value
  const reading = app.reading.value
  const hasRecords = app.state.value.position > 0
  return (
    <>
      {connection.type === 'disconnected' && (
        <div class="banner is-bad" role="status">
          <Icon name="warn" />
          <span>
            {connection.reason}
            {hasRecords && ` What you see is from ${clockText(app.state.value.atMs)}.`}
          </span>
          <button type="button" class="button" onClick={() => app.connect()}>
            Connect now
          </button>
        </div>
      )}
      {connection.type === 'recorded' && (
        <div class="banner is-rest">
          <Icon name="log" />
          <span class="cut">{connection.name}</span>
          {!connection.isServed && (
            <button type="button" class="button" onClick={() => app.connect()}>
              Close, and watch live
            </button>
          )}
        </div>
      )}
      {reading !== null && (
        <div class="banner is-rest" role="status">
          <Icon name="log" />
          <span>
            Reading {reading.name}: {bytesText(reading.bytes)} so far. What is shown is not all of it yet.
          </span>
        </div>
      )}
      {notice !== null && (
        <div class="banner is-warn" role="status">
          <Icon name="warn" />
          <span>{notice}</span>
          <button
            type="button"
            class="button is-quiet is-icon"
            aria-label="Close"
            onClick={() => {
              app.notice.value = null
            }}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </>
  )
}

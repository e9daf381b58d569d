/** The line at the bottom: the whole recording as a bar, and the place in it that every pane shows. Moves only `position`. */
import type { PageApp } from './create-app.ts'
import { speeds } from './playback.ts'
import { groupMarkers, type MarkerGroup, type MarkerKind } from './time-markers.ts'
import { clockText, countText, spanText } from './ui/format.ts'
import { Icon } from './ui/icon.tsx'

/** More marks side by side could not be told apart. */
const groupsMax = 240

export function TimeBar({ app }: { readonly app: PageApp }) {
  const state = app.state.value
  const { recording, playback } = app
  const first = recording.firstPosition
  const end = recording.endPosition
  const shown = app.position.value
  const at = Math.min(end, Math.max(first, shown ?? end))
  const isRecorded = app.connection.value.type === 'recorded'
  const isLive = shown === null && !isRecorded
  const isPlaying = playback.isPlaying.value
  const moveTo = (position: number): void => {
    playback.pause()
    app.position.value = position >= end && !isRecorded ? null : position
  }
  const press = (): void => {
    if (isPlaying || isLive || isRecorded) app.togglePause()
    else playback.play()
  }
  return (
    <footer class={`time-bar${isLive || isRecorded ? '' : ' is-past'}`}>
      <div class="time-buttons">
        <TimeButton icon="previous" label="One record back (,)" isOff={at <= first} onClick={() => app.step(-1)} />
        <TimeButton
          icon={isLive || isPlaying ? 'pause' : 'play'}
          label={isLive ? 'Stop at this moment (Space)' : isPlaying ? 'Stop (Space)' : 'Play from here'}
          isOff={end === first}
          onClick={press}
        />
        <TimeButton icon="next" label="One record on (.)" isOff={at >= end} onClick={() => app.step(1)} />
        <select
          class="field time-speed"
          aria-label="Speed of playing"
          value={String(playback.speed.value)}
          onChange={(event) => {
            playback.speed.value = Number(event.currentTarget.value)
          }}
        >
          {speeds.map((speed) => (
            <option key={speed} value={String(speed)}>
              {speed}×
            </option>
          ))}
        </select>
      </div>
      <div class="time-track">
        <div class="time-marks">
          {groupMarkers(app.markers.value, first, end, groupsMax).map((group) => (
            <Mark key={group.at} group={group} onClick={() => moveTo((group.markers[0]?.position ?? 0) + 1)} />
          ))}
        </div>
        <input
          class="time-range"
          type="range"
          aria-label="Moment that is shown"
          aria-valuetext={`${clockText(state.atMs)}, record ${at - first} of ${end - first}`}
          min={first}
          max={end}
          step={1}
          value={at}
          disabled={end === first}
          onInput={(event) => moveTo(event.currentTarget.valueAsNumber)}
        />
      </div>
      <div class="time-place">
        {state.atMs > 0 && <span class="time-clock">{clockText(state.atMs)}</span>}
        <span class="time-distance">
          {isLive || at >= end
            ? `${countText(end - first)} records`
            : `${spanText(state.atMs - (recording.at(end - 1)?.atMs ?? state.atMs))}, ${countText(at - first)} of ${countText(end - first)}`}
        </span>
      </div>
      {!isRecorded && (
        <button
          type="button"
          class={`button time-live${isLive ? ' is-live' : ' is-primary'}${app.connection.value.type === 'live' ? '' : ' is-away'}`}
          aria-pressed={isLive}
          title={isLive ? 'You see what is happening now' : 'Back to what is happening now (L)'}
          onClick={() => app.goLive()}
        >
          <Icon name="live" />
          Live
        </button>
      )}
    </footer>
  )
}

interface TimeButtonProps {
  readonly icon: 'previous' | 'play' | 'pause' | 'next'
  readonly label: string
  readonly isOff: boolean
  onClick(): void
}

function TimeButton({ icon, label, isOff, onClick }: TimeButtonProps) {
  return (
    <button type="button" class="button is-quiet is-icon" title={label} aria-label={label} disabled={isOff} onClick={onClick}>
      <Icon name={icon} />
    </button>
  )
}

const kindTexts: Readonly<Record<MarkerKind, string>> = {
  gap: 'gap',
  conflict: 'conflict',
  takeover: 'takeover',
  crash: 'crash',
}
/** Lines of a mark's tooltip. */
const linesMax = 6

function Mark({ group, onClick }: { readonly group: MarkerGroup; onClick(): void }) {
  const { markers, kind } = group
  const lines = markers.slice(0, linesMax).map((marker) => marker.text)
  if (markers.length > linesMax) lines.push(`and ${markers.length - linesMax} more`)
  return (
    <button
      type="button"
      class={`mark is-${kind}`}
      tabIndex={-1}
      aria-label={`${kindTexts[kind]}: ${lines[0] ?? ''}`}
      title={lines.join('\n')}
      style={{ left: `${group.at * 100}%` }}
      onClick={onClick}
    />
  )
}

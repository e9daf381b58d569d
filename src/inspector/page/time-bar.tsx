/** The line at the bottom: the whole recording as a bar, and the place in it that every pane shows. Owns its scale; moves `position`. */
import { useEffect, useState } from 'preact/hooks'
import type { PageApp } from './create-app.ts'
import { markTitle } from './mark-kinds.ts'
import { showMarked } from './mark-places.ts'
import { speeds } from './playback.ts'
import { groupMarkers, type MarkerGroup, scaleShown, type TimeScale } from './time-markers.ts'
import { clockText, countText, spanText } from './ui/format.ts'
import { Icon } from './ui/icon.tsx'

/** More marks side by side could not be told apart. */
const groupsMax = 240

export function TimeBar({ app }: { readonly app: PageApp }) {
  const state = app.state.value
  const { recording, playback } = app
  const { held, hold, release } = useHeldScale()
  const scale = scaleShown(held, { first: recording.firstPosition, end: recording.endPosition })
  const { first, end } = scale
  const shown = app.position.value
  const at = Math.min(end, Math.max(first, shown ?? end))
  const isRecorded = app.connection.value.type === 'recorded'
  const isLive = shown === null && !isRecorded
  const isPlaying = playback.isPlaying.value
  const moveTo = (position: number): void => {
    playback.pause()
    app.position.value = position >= end && !isRecorded ? null : position
  }
  const goTo = ({ markers: [marker] }: MarkerGroup): void => {
    if (marker === undefined) return
    playback.pause()
    app.position.value = marker.position + 1
    showMarked(app, marker)
  }
  const press = (): void => {
    if (isPlaying || isLive || isRecorded) app.togglePause()
    else playback.play()
  }
  return (
    <footer class={`time-bar${isLive || isRecorded ? '' : ' is-past'}`}>
      <div class="time-buttons">
        <TimeButton icon="stepBack" label="One record back (,)" isOff={at <= first} onClick={() => app.step(-1)} />
        <TimeButton
          icon={isLive || isPlaying ? 'pause' : 'play'}
          label={isLive ? 'Stop at this moment (Space)' : isPlaying ? 'Stop (Space)' : 'Play from here'}
          isOff={end === first}
          onClick={press}
        />
        <TimeButton icon="stepOn" label="One record on (.)" isOff={at >= end} onClick={() => app.step(1)} />
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
        <div class="time-marks" onPointerEnter={() => hold('over', scale)} onPointerLeave={() => release('over')}>
          {groupMarkers(app.markers.value, scale, groupsMax).map((group) => (
            <Mark key={group.at} group={group} onClick={() => goTo(group)} />
          ))}
        </div>
        <input
          class="time-range"
          type="range"
          aria-label="Moment that is shown"
          aria-valuetext={`${clockText(state.atMs)}, record ${at - first} of ${end - first}`}
          title="All records in their order, each as wide as the next: by their number, not by time"
          min={first}
          max={end}
          step={1}
          value={at}
          disabled={end === first}
          onPointerDown={() => hold('dragged', scale)}
          onInput={(event) => moveTo(event.currentTarget.valueAsNumber)}
        />
      </div>
      <div class="time-place">
        {state.atMs > 0 && <span class="time-clock">{clockText(state.atMs)}</span>}
        <span class="time-distance">{distanceText(app, isLive)}</span>
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

/** How far the shown moment is from the newest record, which is also told while the bar's scale is held. */
function distanceText({ state: { value: state }, recording, position }: PageApp, isLive: boolean): string {
  const { firstPosition: first, endPosition: end } = recording
  const at = Math.min(end, Math.max(first, position.value ?? end))
  if (isLive || at >= end) return `${countText(end - first)} records`
  const newestMs = recording.at(end - 1)?.atMs ?? state.atMs
  return `${spanText(state.atMs - newestMs)}, ${countText(at - first)} of ${countText(end - first)}`
}

type Hold = 'over' | 'dragged'

/** The scale as it was when the pointer came over the marks, or began to drag: what is aimed at must not move away. */
function useHeldScale() {
  const [{ held, by }, set] = useState<{ readonly held: TimeScale | null; readonly by: readonly Hold[] }>({ held: null, by: [] })
  const hold = (why: Hold, scale: TimeScale): void => set((before) => ({ held: before.held ?? scale, by: [...before.by, why] }))
  const release = (why: Hold): void =>
    set((before) => {
      const rest = before.by.filter((other) => other !== why)
      return { held: rest.length === 0 ? null : before.held, by: rest }
    })
  const isDragged = by.includes('dragged')
  // A drag ends wherever the pointer is then.
  useEffect(() => {
    if (!isDragged) return
    const end = (): void => release('dragged')
    for (const type of ends) document.addEventListener(type, end)
    return () => {
      for (const type of ends) document.removeEventListener(type, end)
    }
  }, [isDragged])
  return { held, hold, release }
}

const ends = ['pointerup', 'pointercancel'] as const

interface TimeButtonProps {
  readonly icon: 'stepBack' | 'play' | 'pause' | 'stepOn'
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

function Mark({ group, onClick }: { readonly group: MarkerGroup; onClick(): void }) {
  const title = markTitle(group)
  return (
    <button
      type="button"
      class={`mark is-${group.kind}`}
      tabIndex={-1}
      aria-label={title}
      title={title}
      style={{ left: `${group.at * 100}%` }}
      onClick={onClick}
    />
  )
}

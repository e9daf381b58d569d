/**
 * A sequence diagram that is scrolled: heads of the lanes stay at its top, only rows in sight are drawn. Owns scrolling and the keyboard;
 * knows nothing of where messages come from.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { KindLabel } from '../ui/badge.tsx'
import { countOf } from '../ui/format.ts'
import { MiddleCut } from '../ui/middle-cut.tsx'
import { indexAfterKey, scrollToShow, windowOf } from '../ui/virtual-window.ts'
import { headName, type Lane, type SequenceDiagram } from './sequence-diagram.ts'
import { diagramWidth, lanePx, laneX, rowPx, SequenceSvg, timePx } from './sequence-svg.tsx'

export interface SequenceViewProps {
  readonly diagram: SequenceDiagram
  readonly namespace: string
  /** Place that the session is shown at; null: live. */
  readonly now: number | null
  readonly selected: number | null
  /** Id of the actor that is chosen. */
  readonly selectedLane: string | null
  readonly follows: boolean
  /** Records that came while it did not follow. */
  readonly missed: number
  onSelect(position: number): void
  /** Double click, Enter. */
  onOpen(position: number): void
  onSelectLane(id: string): void
  onFollow(follows: boolean): void
}

/** Of the heads. */
const headPx = 44
/** Nearer to its end than this it follows. */
const endPx = 24

export function SequenceView(props: SequenceViewProps) {
  const { diagram, now, selected, follows } = props
  const { lanes, rows } = diagram
  const box = useRef<HTMLDivElement>(null)
  const [{ scrollTop, scrollLeft }, setScroll] = useState({ scrollTop: 0, scrollLeft: 0 })
  const [{ width, height }, setSize] = useState({ width: 0, height: 0 })

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight - headPx })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const takeScroll = ({ scrollTop, scrollLeft }: HTMLElement): void => {
    setScroll((before) =>
      before.scrollTop === scrollTop && before.scrollLeft === scrollLeft ? before : { scrollTop, scrollLeft },
    )
  }
  const scrollTo = (top: number): void => {
    const element = box.current
    // Setting it makes the browser lay out all that was just drawn, and most drawings of a full diagram end where the last one did.
    if (element === null || top === scrollTop) return
    element.scrollTop = top
    takeScroll(element)
  }
  const end = Math.max(0, rows.length * rowPx - height)
  useLayoutEffect(() => {
    if (now === null && follows) scrollTo(end)
  }, [diagram, end, follows, now])

  const nowIndex = now === null ? -1 : rows.findIndex(({ message }) => message.position >= now)
  // In the past the shown moment is in the middle, wherever it is moved to.
  useLayoutEffect(() => {
    if (now !== null) scrollTo(nowIndex === -1 ? end : Math.max(0, nowIndex * rowPx - height / 2))
  }, [now, nowIndex, height])

  const selectedIndex = selected === null ? -1 : rows.findIndex(({ message }) => message.position === selected)
  useLayoutEffect(() => {
    const element = box.current
    const row = rows[selectedIndex]
    if (element === null || row === undefined) return
    element.scrollLeft = scrollToSee(laneX(row.from), laneX(row.to), element.scrollLeft, width)
    scrollTo(scrollToShow(selectedIndex, rowPx, element.scrollTop, height))
  }, [selected])

  const onScroll = (): void => {
    const element = box.current
    if (element === null) return
    takeScroll(element)
    const isAtEnd = element.scrollTop >= end - endPx
    if (now === null && isAtEnd !== follows) props.onFollow(isAtEnd)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.altKey || event.ctrlKey || event.metaKey) return
    const chosen = rows[selectedIndex]
    const from = selectedIndex === -1 ? Math.ceil(scrollTop / rowPx) - 1 : selectedIndex
    // Several messages may be of one record: a step goes to the next record.
    let next = indexAfterKey(event.key, from, rows.length, Math.floor(height / rowPx) - 1)
    while (next !== null && rows[next]?.message.position === selected) {
      const further = indexAfterKey(event.key, next, rows.length, 1)
      if (further === null || further === next) break
      next = further
    }
    const row = next === null ? undefined : rows[next]
    if (row !== undefined) props.onSelect(row.message.position)
    else if (event.key === 'Enter' && chosen !== undefined) props.onOpen(chosen.message.position)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  const { first, end: last } = windowOf(rows.length, rowPx, scrollTop, height)
  const heads = windowOf(lanes.length, lanePx, scrollLeft - timePx, width)
  const chosen = rows[selectedIndex]?.message
  return (
    <div class="sequence">
      <div
        ref={box}
        class="sequence-scroll"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes the keys that move in it
        tabIndex={0}
        aria-label={`Sequence of ${countOf(rows.length, 'message')}. Arrow keys: choose. Enter: show in the log.`}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onDblClick={() => chosen !== undefined && props.onOpen(chosen.position)}
      >
        <div class="sequence-heads" style={{ width: `${diagramWidth(lanes)}px`, height: `${headPx}px` }}>
          {lanes.slice(heads.first, heads.end).map((lane, index) => (
            <Head
              key={lane.id}
              lane={lane}
              index={heads.first + index}
              namespace={props.namespace}
              isSelected={lane.id === props.selectedLane}
              onSelect={props.onSelectLane}
            />
          ))}
        </div>
        <SequenceSvg
          diagram={diagram}
          left={scrollLeft}
          width={width}
          first={first}
          end={last}
          selected={selected}
          now={now}
          namespace={props.namespace}
          onSelect={props.onSelect}
        />
      </div>
      <span class="visually-hidden" role="status">
        {chosen !== undefined && `${chosen.from.label} to ${chosen.to.label}: ${chosen.label} ${chosen.note}`}
      </span>
      {now === null && !follows && (
        <button type="button" class="button sequence-follow" onClick={() => props.onFollow(true)}>
          {props.missed > 0 ? `${countOf(props.missed, 'newer record')}: go on` : 'Go on'}
        </button>
      )}
    </div>
  )
}

/** The least movement after which one end of an arrow is seen. */
function scrollToSee(from: number, to: number, left: number, width: number): number {
  const isSeen = (x: number) => x >= left + timePx && x <= left + width - lanePx
  if (width === 0 || isSeen(from) || isSeen(to)) return left
  return to < left + timePx ? to - timePx - lanePx : Math.max(0, to - width + lanePx)
}

interface HeadProps {
  readonly lane: Lane
  readonly index: number
  readonly namespace: string
  readonly isSelected: boolean
  onSelect(id: string): void
}

function Head({ lane, index, namespace, isSelected, onSelect }: HeadProps) {
  const place = { left: `${laneX(index) - lanePx / 2 + 6}px`, width: `${lanePx - 12}px` }
  const isActor = lane.kind === 'actor' && lane.source !== null
  const { kind, name } = isActor ? headName(lane.label, namespace) : { kind: '', name: lane.label }
  const text = (
    <>
      <MiddleCut class="sequence-head-name" text={name} title={null}>
        {kind !== '' && (
          <>
            <KindLabel kind={kind} />{' '}
          </>
        )}
      </MiddleCut>
      <span class="sequence-head-process cut">{lane.kind === 'process' ? 'process' : lane.processLabel}</span>
    </>
  )
  const classes = `sequence-head is-${lane.kind}${isSelected ? ' is-selected' : ''}`
  return isActor ? (
    <button
      type="button"
      class={classes}
      style={place}
      title={`${lane.label}, of ${lane.processLabel}`}
      aria-pressed={isSelected}
      onClick={() => onSelect(lane.id)}
    >
      {text}
    </button>
  ) : (
    <div class={classes} style={place} title={lane.label}>
      {text}
    </div>
  )
}

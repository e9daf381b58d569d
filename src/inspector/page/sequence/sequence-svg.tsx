/**
 * Rows of a sequence diagram as SVG: lanes, arrows, marks, bands. Owns the measures; knows neither scrolling nor the session. Pure.
 */

import { clockText } from '../ui/format.ts'
import { middleCut } from '../ui/middle-parts.ts'
import type { DiagramRow, Lane, SequenceDiagram } from './sequence-diagram.ts'
import type { Message } from './sequence-messages.ts'

/** Pixels. */
export const rowPx = 30
export const lanePx = 148
/** The moments, left of the lanes. */
export const timePx = 104
/** Right of the last lane, for what is written there. */
export const tailPx = 260

const labelPx = 12
const linePx = 20
const charPx = 6.7

export function laneX(index: number): number {
  return timePx + index * lanePx + lanePx / 2
}

export function diagramWidth(lanes: readonly Lane[]): number {
  return timePx + lanes.length * lanePx + tailPx
}

export interface SequenceSvgProps {
  readonly diagram: SequenceDiagram
  /** What is seen of its width: texts slide along their arrows to stay in it. */
  readonly left: number
  readonly width: number
  /** Rows drawn: from the first to before the end. */
  readonly first: number
  readonly end: number
  /** Place of the chosen record. */
  readonly selected: number | null
  /** Messages of records at or behind this place are still to come; null: none. */
  readonly now: number | null
  /** Taken out of keys: it is the same in all of them. */
  readonly namespace: string
  onSelect(position: number): void
}

export function SequenceSvg(props: SequenceSvgProps) {
  const { diagram, first, end, now, left } = props
  const { lanes, rows } = diagram
  const width = diagramWidth(lanes)
  const height = rows.length * rowPx
  const firstLater = now === null ? -1 : rows.findIndex(({ message }) => message.position >= now)
  const visible = rows.slice(first, end)
  return (
    <svg class="sequence-svg" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <defs>
        {['event', 'write', 'change', 'bad', 'quiet'].map((kind) => (
          <marker
            key={kind}
            id={`sequence-arrow-${kind}`}
            class={`sequence-arrow is-${kind}`}
            viewBox="0 0 10 10"
            refX="9"
            refY="5"
            markerWidth="9"
            markerHeight="9"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M1 1.2L9 5L1 8.8L3 5Z" />
          </marker>
        ))}
      </defs>
      {lanes.map((lane, index) => (
        <line
          key={lane.id}
          class={`sequence-lane is-${lane.kind}`}
          x1={laneX(index)}
          x2={laneX(index)}
          y1={first * rowPx}
          y2={Math.min(end, rows.length) * rowPx}
        />
      ))}
      {visible.map((row, index) => (
        <Row
          key={first + index}
          row={row}
          index={first + index}
          isFirst={rows[first + index - 1]?.message.position !== row.message.position}
          width={width}
          shown={props}
        />
      ))}
      {firstLater >= first && firstLater < end && (
        <g class="sequence-now">
          <line x1={0} x2={width} y1={firstLater * rowPx} y2={firstLater * rowPx} />
          <text x={left + 12} y={firstLater * rowPx - 4}>
            you are here
          </text>
        </g>
      )}
    </svg>
  )
}

function Row({ row, index, isFirst, width, shown }: RowProps) {
  const { message } = row
  const isSelected = message.position === shown.selected
  const isLater = shown.now !== null && message.position >= shown.now
  const classes = ['sequence-row', `is-${message.kind}`, `is-${message.tone}`]
  if (isSelected) classes.push('is-selected')
  if (isLater) classes.push('is-later')
  if (message.from.kind === 'outside') classes.push('is-from-outside')
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the diagram around it takes the keys
    <g
      class={classes.join(' ')}
      data-position={message.position}
      transform={`translate(0 ${index * rowPx})`}
      onClick={() => shown.onSelect(message.position)}
    >
      <title>{[message.label, message.note].filter((text) => text !== '').join('\n')}</title>
      <rect class="sequence-row-box" width={width} height={rowPx} />
      <Shape row={row} width={width} shown={shown} />
      <rect class="sequence-time-box" x={shown.left} width={timePx - 14} height={rowPx} />
      {isFirst && (
        <text class="sequence-time" x={shown.left + 12} y={linePx - 1}>
          {clockText(message.atMs)}
        </text>
      )}
    </g>
  )
}

interface RowProps {
  readonly row: DiagramRow
  readonly index: number
  /** Of its record: the others are of the same moment. */
  readonly isFirst: boolean
  readonly width: number
  readonly shown: SequenceSvgProps
}

function Shape({ row, width, shown }: Omit<RowProps, 'index' | 'isFirst'>) {
  const { message } = row
  if (message.shape === 'band') return <Band message={message} width={width} left={shown.left} />
  const first = laneX(Math.min(row.from, row.to))
  const last = laneX(Math.max(row.from, row.to))
  if (last < shown.left + timePx || first > shown.left + shown.width) {
    return <Beyond message={message} isLeft={last < shown.left + timePx} shown={shown} />
  }
  if (message.shape === 'mark') return <Mark message={message} x={first} />
  return row.from === row.to ? <Loop message={message} x={first} shown={shown} /> : <Arrow row={row} shown={shown} />
}

/** All of it is out of sight: on which side, and what it is. */
function Beyond({
  message,
  isLeft,
  shown,
}: {
  readonly message: Message
  readonly isLeft: boolean
  readonly shown: SequenceSvgProps
}) {
  const { label } = textOf(message, shown.namespace)
  const x = isLeft ? shown.left + timePx : shown.left + shown.width - labelGapPx
  return (
    <text class="sequence-beyond" x={x} y={linePx - 1} text-anchor={isLeft ? 'start' : 'end'}>
      {isLeft ? `‹ ${label}` : `${label} ›`}
    </text>
  )
}

function Arrow({ row, shown }: { readonly row: DiagramRow; readonly shown: SequenceSvgProps }) {
  const { message } = row
  const from = laneX(row.from)
  const to = laneX(row.to)
  const gap = to > from ? 2 : -2
  const text = textOf(message, shown.namespace)
  const isAtEnd = message.kind === 'event' && to > from
  const x = labelX(Math.min(from, to), Math.max(from, to), isAtEnd, widthOf(text), shown)
  return (
    <>
      <circle class="sequence-start" cx={from} cy={linePx} r={2.5} />
      <path class="sequence-line" d={`M${from} ${linePx}L${to - gap} ${linePx}`} marker-end={arrowEnd(message)} />
      <Text text={text} x={x} y={labelPx} />
    </>
  )
}

/**
 * Beside the lane that a message is about, which for memory is the other one; but where it can be seen. Where there is no room between
 * the lanes it begins at the left one.
 */
function labelX(start: number, end: number, isAtEnd: boolean, width: number, { left, width: seen }: SequenceSvgProps): number {
  const first = start + labelGapPx
  const last = end - labelGapPx - width
  if (last <= first) return first
  const seenFirst = left + timePx
  const seenLast = left + seen - labelGapPx - width
  return Math.min(last, Math.max(first, isAtEnd ? Math.min(last, seenLast) : Math.max(first, seenFirst)))
}

/** To itself: a delay that is over, an event raised. */
function Loop({ message, x, shown }: { readonly message: Message; readonly x: number; readonly shown: SequenceSvgProps }) {
  return (
    <>
      <path
        class="sequence-line"
        d={`M${x} 9H${x + 16}Q${x + 22} 9 ${x + 22} 15Q${x + 22} 21 ${x + 16} 21H${x + 2}`}
        marker-end={arrowEnd(message)}
      />
      <Text text={textOf(message, shown.namespace)} x={x + 32} y={linePx - 1} />
    </>
  )
}

function Mark({ message, x }: { readonly message: Message; readonly x: number }) {
  return (
    <>
      {message.tone === 'bad' ? (
        <path
          class="sequence-mark"
          d={`M${x} ${rowPx / 2 - 6}L${x + 6} ${rowPx / 2}L${x} ${rowPx / 2 + 6}L${x - 6} ${rowPx / 2}Z`}
        />
      ) : (
        <circle class="sequence-mark" cx={x} cy={rowPx / 2} r={4} />
      )}
      <Text text={textOf(message, '')} x={x + 14} y={linePx - 1} />
    </>
  )
}

function Band({ message, width, left }: { readonly message: Message; readonly width: number; readonly left: number }) {
  return (
    <>
      <rect class="sequence-band" x={timePx} y={4} width={width - timePx} height={rowPx - 8} rx={3} />
      <text class="sequence-label" x={left + timePx + 12} y={linePx - 1}>
        {message.label}
      </text>
    </>
  )
}

interface ShownText {
  readonly label: string
  readonly note: string
}

/** Longer texts are cut, labels in their middle: keys of one task begin alike and end with what is written. */
const labelCharsMax = 44
const labelTailChars = 20
const noteCharsMax = 40
const labelGapPx = 12
const noteGapPx = 10

function textOf({ label, note }: Message, namespace: string): ShownText {
  const isOwnKey = namespace !== '' && label.startsWith(`${namespace}/`)
  const shown = isOwnKey ? label.slice(namespace.length + 1) : label
  return { label: middleCut(shown, labelCharsMax, labelTailChars), note: cut(note, noteCharsMax) }
}

/** Of fonts of one width this is nearly exact. */
function widthOf({ label, note }: ShownText): number {
  return label.length * charPx + (note === '' ? 0 : noteGapPx + note.length * charPx)
}

function Text({ text, x, y }: { readonly text: ShownText; readonly x: number; readonly y: number }) {
  const { label, note } = text
  return (
    <>
      <text class="sequence-label" x={x} y={y}>
        {label}
      </text>
      {note !== '' && (
        <text class="sequence-note" x={x + label.length * charPx + noteGapPx} y={y}>
          {note}
        </text>
      )}
    </>
  )
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`
}

function arrowEnd({ kind, tone }: Message): string {
  return `url(#sequence-arrow-${tone === 'plain' ? kind : tone})`
}

/**
 * Two parts with a bar between them that is dragged or moved by arrow keys. Owns the size, which is found again; in a narrow window
 * the second part lies below the first. Where it can be closed, `Esc` anywhere on the page does it ({@link closeSelector}).
 */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from './icon.tsx'
import { remembered } from './remembered.ts'

/** Finds the button that closes the second part of the pane that is shown. */
export const closeSelector = '[data-close]'

export interface SplitPaneProps {
  /** Under which its size is remembered. */
  readonly name: string
  readonly main: ComponentChildren
  /** null: the first part takes all. */
  readonly side: ComponentChildren | null
  /** Share of the second part at first, in percent. Default 36. */
  readonly sidePercent?: number
  /** Of the second part, for screen readers. */
  readonly label: string
  /** Takes the second part away: what it tells is no longer chosen. */
  onClose?(): void
}

const percentMin = 15
const percentMax = 80
const stepPercent = 2

export function SplitPane({ name, main, side, sidePercent = 36, label, onClose }: SplitPaneProps) {
  const box = useRef<HTMLDivElement>(null)
  const size = remembered(`split.${name}`, sidePercent)
  const percent = Math.min(percentMax, Math.max(percentMin, size.value))
  const hasSide = side !== null
  useLayoutEffect(() => box.current?.style.setProperty('--side', `${percent}%`), [percent, hasSide])

  const drag = (event: PointerEvent): void => {
    const element = box.current
    const bar = event.currentTarget
    if (element === null || !(bar instanceof HTMLElement) || !bar.hasPointerCapture(event.pointerId)) return
    const area = element.getBoundingClientRect()
    const isBelow = getComputedStyle(element).flexDirection === 'column'
    const share = isBelow ? (area.bottom - event.clientY) / area.height : (area.right - event.clientX) / area.width
    size.value = Math.round(Math.min(percentMax, Math.max(percentMin, share * 100)) * 10) / 10
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: stepPercent, ArrowUp: stepPercent, ArrowRight: -stepPercent, ArrowDown: -stepPercent }[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    size.value = Math.min(percentMax, Math.max(percentMin, percent + step))
  }

  return (
    <div ref={box} class="split">
      <div class="split-main">{main}</div>
      {hasSide && (
        <>
          {/* biome-ignore lint/a11y/useSemanticElements: a separator that can be moved has no element of its own */}
          <div
            class="split-bar"
            role="separator"
            tabIndex={0}
            aria-label={`Size of ${label}`}
            aria-valuenow={Math.round(percent)}
            aria-valuemin={percentMin}
            aria-valuemax={percentMax}
            onKeyDown={onKeyDown}
            onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
            onPointerMove={drag}
            onDblClick={() => {
              size.value = sidePercent
            }}
          />
          <section class={`split-side${onClose === undefined ? '' : ' is-closable'}`} aria-label={label}>
            {side}
            {onClose !== undefined && (
              <button
                type="button"
                class="button is-quiet is-icon split-close"
                data-close=""
                title="Close the details (Esc)"
                aria-label="Close the details"
                onClick={onClose}
              >
                <Icon name="close" />
              </button>
            )}
          </section>
        </>
      )}
    </div>
  )
}

/**
 * A name that is cut in its middle where there is no room for it: of many that begin alike the last characters tell them apart. In a
 * font of one width, so that the room for the end is known. Its text stays one text: it is found, selected and copied whole.
 */
import type { ComponentChildren } from 'preact'
import { middleParts } from './middle-parts.ts'

export interface MiddleCutProps {
  readonly text: string
  /** Before it and cut with it: its kind. */
  readonly children?: ComponentChildren
  readonly class?: string
  /** Where the pointer rests. Default `text`; null: what is around it tells. */
  readonly title?: string | null
}

export function MiddleCut({ text, children, class: classes = '', title = text }: MiddleCutProps) {
  const [head, tail] = middleParts(text)
  return (
    <span class={`middle mono ${classes}`} title={title ?? undefined}>
      <span class="middle-head" style={{ maxWidth: `calc(100% - ${tail.length}ch)` }}>
        {children}
        {head}
      </span>
      {tail}
    </span>
  )
}

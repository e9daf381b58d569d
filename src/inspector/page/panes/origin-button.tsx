/** Leads from a version of a key to the transition that asked for it. Looked for when pressed: it may be far back, or not recorded. */
import { useState } from 'preact/hooks'
import type { App } from '../app.ts'
import type { EntryVersion } from '../model/session-state.ts'
import { originOf } from './write-origin.ts'

export interface OriginButtonProps {
  readonly app: App
  readonly memoryKey: string
  readonly version: EntryVersion
}

export function OriginButton({ app, memoryKey, version }: OriginButtonProps) {
  const [missing, setMissing] = useState<number | null>(null)
  if (missing === version.revision) {
    return (
      <span class="faint" title="No transition that is recorded asked for this write">
        not recorded
      </span>
    )
  }
  const show = (): void => {
    const origin = originOf(app.recording, app.state.peek(), memoryKey, version)
    if (origin === null) setMissing(version.revision)
    else app.showRecord(origin.position)
  }
  return (
    <button type="button" class="link" title="Show the transition that wrote it" onClick={show}>
      transition
    </button>
  )
}

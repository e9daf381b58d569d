/** The list of the page's keys, over everything else. */
import { useEffect, useRef } from 'preact/hooks'
import { shortcuts } from './shortcuts.ts'
import { Icon } from './ui/icon.tsx'

export function ShortcutsDialog({ onClose }: { onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click beside it; Esc does the same
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="shortcuts-title"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close()
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id="shortcuts-title">Keys</h2>
          <button type="button" class="button is-quiet is-icon" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        <dl class="keys">
          {shortcuts.map(({ keys, does }) => (
            <div key={does} class="keys-line">
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      </div>
    </dialog>
  )
}

/** The list of the page's keys, and what the marks on the time bar are, over everything else. */
import { useEffect, useRef } from 'preact/hooks'
import { wordsByMark } from './mark-kinds.ts'
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
        <h3 class="dialog-title">Marks on the time bar</h3>
        <p class="soft">A click on one goes to that moment, and to what is marked.</p>
        <dl class="keys">
          {Object.entries(wordsByMark).map(([kind, { name, means, leadsTo }]) => (
            <div key={kind} class="keys-line">
              <dt>
                <span class={`mark is-${kind}`} />
                {name}
              </dt>
              <dd>
                {means} <span class="faint">→ {leadsTo}</span>
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </dialog>
  )
}

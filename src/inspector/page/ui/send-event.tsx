/** The events that an actor waits for, to be sent by hand where that is allowed: choose one, write its members, send. */
import { useState } from 'preact/hooks'
import type { ActionReply } from '../../../wire/inspector-api.ts'
import type { App } from '../app.ts'
import { Reply } from './action-button.tsx'
import { Icon } from './icon.tsx'
import { parsePayload } from './payload.ts'
import { whyNot } from './why-not.ts'

export interface SendEventProps {
  readonly app: App
  readonly source: string
  readonly address: string
  /** Types, in the order in which they are offered. */
  readonly events: readonly string[]
}

export function SendEvent({ app, source, address, events }: SendEventProps) {
  const [chosen, setChosen] = useState<string | null>(null)
  const [text, setText] = useState('')
  const [reply, setReply] = useState<ActionReply | null>(null)
  const [isSending, setSending] = useState(false)
  const reason = whyNot(app)
  const payload = parsePayload(text)
  const isOpen = chosen !== null && events.includes(chosen)
  const send = (): void => {
    if (chosen === null || !payload.ok || isSending) return
    setReply(null)
    setSending(true)
    void app.act({ type: 'actor.send', source, address, event: { ...payload.members, type: chosen } }).then((told) => {
      setReply(told)
      setSending(false)
    })
  }
  return (
    <div class="send">
      <div class="send-events">
        {events.map((type) => (
          <button
            key={type}
            type="button"
            class="button send-type"
            aria-expanded={isOpen && chosen === type}
            disabled={reason !== null || isSending}
            title={reason ?? `Send ${type} to ${address}`}
            onClick={() => {
              setChosen(chosen === type ? null : type)
              setReply(null)
            }}
          >
            {type}
          </button>
        ))}
      </div>
      {isOpen && (
        <form
          class="send-form"
          onSubmit={(event) => {
            event.preventDefault()
            send()
          }}
        >
          <label class="send-label">
            Members of {chosen} as JSON
            <textarea
              class="field send-text mono"
              rows={3}
              spellcheck={false}
              placeholder={'{ }'}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <div class="action">
            <button type="submit" class="button is-primary" disabled={!payload.ok || reason !== null || isSending}>
              <Icon name="send" />
              Send
            </button>
            <span role="status">
              {!payload.ok && <span class="is-bad-text">{payload.fault}</span>}
              {payload.ok && reply !== null && <Reply reply={reply} />}
            </span>
          </div>
        </form>
      )}
    </div>
  )
}

/**
 * A button that asks the runtime to do something, and says what came of it. Disabled, with the reason, where nothing can be done. What
 * cannot be taken back asks first, in place.
 */
import { useEffect, useState } from 'preact/hooks'
import type { ActionReply, InspectorAction } from '../../../wire/inspector-api.ts'
import type { App } from '../app.ts'
import { browser } from '../browser.ts'
import { whyNot } from './why-not.ts'

export interface ActionButtonProps {
  readonly app: App
  readonly action: InspectorAction
  readonly label: string
  /** A question: asked before it is done. */
  readonly confirm?: string
}

type Step = { readonly type: 'ready' | 'asking' | 'doing' } | { readonly type: 'said'; readonly reply: ActionReply }

/** An answer, or a question that nobody answers, goes away by itself. */
const saidMs = 6000

export function ActionButton({ app, action, label, confirm }: ActionButtonProps) {
  const [step, setStep] = useState<Step>({ type: 'ready' })
  useEffect(() => {
    if (step.type !== 'asking' && step.type !== 'said') return
    return browser.after(saidMs, () => setStep({ type: 'ready' }))
  }, [step])
  const reason = whyNot(app)
  const run = (): void => {
    setStep({ type: 'doing' })
    void app.act(action).then((reply) => setStep({ type: 'said', reply }))
  }
  if (step.type === 'asking') {
    return (
      <span class="action" role="alertdialog" aria-label={confirm}>
        <span>{confirm}</span>
        <button type="button" class="button is-danger" disabled={reason !== null} onClick={run}>
          {label}
        </button>
        <button type="button" class="button" onClick={() => setStep({ type: 'ready' })}>
          Keep
        </button>
      </span>
    )
  }
  return (
    <span class="action">
      <button
        type="button"
        class="button"
        disabled={reason !== null || step.type === 'doing'}
        title={reason ?? undefined}
        onClick={() => (confirm === undefined ? run() : setStep({ type: 'asking' }))}
      >
        {label}
      </button>
      <span class="action-reply" role="status">
        {step.type === 'said' && <Reply reply={step.reply} />}
      </span>
    </span>
  )
}

/** What came of it. */
export function Reply({ reply }: { readonly reply: ActionReply }) {
  return 'ok' in reply ? (
    <span class="is-good-text">{reply.message}</span>
  ) : (
    <span class="is-bad-text">
      {reply.error.code}: {reply.error.message}
    </span>
  )
}

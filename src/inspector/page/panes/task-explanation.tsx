/** Why a task is where it is, in the words of the runtime; where nobody can be asked, that is said. */
import { useEffect, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { StateBadge } from '../ui/badge.tsx'
import { spanText } from '../ui/format.ts'

/** What is shown of the runtime's answer, which is not trusted. */
interface Answer {
  readonly reason: string
  readonly dependencies: readonly { readonly id: string; readonly status: string }[]
  readonly delayLeftMs: number | null
}

export interface TaskExplanationProps {
  readonly app: App
  readonly task: string
  /** Asked again when it changes. */
  readonly revision: number
  /** What the record alone says. */
  readonly fallback: string
  onTask(id: string): void
}

export function TaskExplanation({ app, task, revision, fallback, onTask }: TaskExplanationProps) {
  const [answer, setAnswer] = useState<{ readonly task: string; readonly answer: Answer | null } | null>(null)
  // The runtime knows only the present.
  const canAsk = app.position.value === null && app.connection.value.type === 'live'
  // Another revision is another answer.
  useEffect(() => {
    if (!canAsk) {
      setAnswer(null)
      return
    }
    let isOver = false
    const take = (given: unknown): void => {
      if (!isOver) setAnswer({ task, answer: answerOf(given) })
    }
    app.explain(task).then(take, () => take(null))
    return () => {
      isOver = true
    }
  }, [task, revision, canAsk])
  const current = answer?.task === task ? answer.answer : null
  return (
    <div class="explanation">
      <p class="explanation-reason">{current?.reason ?? fallback}</p>
      {current === null && (
        <p class="faint">
          {canAsk
            ? 'The runtime did not say; this is what its record says.'
            : 'As its record says: the runtime can only be asked about the present.'}
        </p>
      )}
      {current !== null && current.dependencies.length > 0 && (
        <ul class="explanation-needs">
          {current.dependencies.map(({ id, status }) => (
            <li key={id}>
              {status === 'unknown' ? (
                <span class="mono">{id}</span>
              ) : (
                <button type="button" class="link mono" onClick={() => onTask(id)}>
                  {id}
                </button>
              )}{' '}
              <StateBadge state={status} />
            </li>
          ))}
        </ul>
      )}
      {current?.delayLeftMs != null && <p class="faint">It may be claimed in {spanText(current.delayLeftMs)}.</p>}
    </div>
  )
}

function answerOf(given: unknown): Answer | null {
  if (given === null || typeof given !== 'object') return null
  const { reason, dependencies, delayLeftMs } = given as { readonly [Member in keyof Answer]?: unknown }
  if (typeof reason !== 'string') return null
  return {
    reason,
    delayLeftMs: typeof delayLeftMs === 'number' ? delayLeftMs : null,
    dependencies: Array.isArray(dependencies) ? dependencies.filter(isDependency) : [],
  }
}

function isDependency(given: unknown): given is Answer['dependencies'][number] {
  if (given === null || typeof given !== 'object') return false
  const { id, status } = given as { readonly id?: unknown; readonly status?: unknown }
  return typeof id === 'string' && typeof status === 'string'
}

/** The hands of `machines/worker.ts`: its documents go to the journal, its heartbeat to a timer. Decides nothing. */
import { workerMachine } from '../../machines/worker.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import { assertBound } from './bind.ts'
import { compileChart } from './compiled-chart.ts'
import type { Remember } from './outcome.ts'

export interface WorkerHands {
  readonly remember: Remember
  readonly clock: Clock
  readonly heartbeatIntervalMs: number
  readonly keepAlive: boolean
  /** Hybrid milliseconds. */
  nowMs(): number
  askForTasks(id: string): void
}

export function workerLogic(hands: WorkerHands) {
  const timers = new Map<string, Timer>()
  return compileChart(
    assertBound(
      workerMachine.provide({
        actions: {
          remember: ({ self }, { ref, intents }) =>
            hands.remember(
              intents,
              (outcome) => {
                if (outcome.type === 'committed') self.send({ type: 'write.committed', ref })
                else if (outcome.type === 'failed') self.send({ type: 'write.failed', ref })
                else self.send({ type: 'write.refused', ref })
              },
              { urgent: true },
            ),
          startHeartbeat: ({ self }, { id }) => {
            const beat = (): void => {
              // An actor that crashed or was stopped must not be woken for ever.
              if (self.getSnapshot().status !== 'active') return
              self.send({ type: 'heartbeat.due', atMs: hands.nowMs() })
              arm()
            }
            const arm = (): void => {
              timers.set(id, hands.clock.setTimer(hands.heartbeatIntervalMs, beat, { keepAlive: hands.keepAlive }))
            }
            timers.get(id)?.cancel()
            arm()
          },
          stopHeartbeat: (_, { id }) => {
            timers.get(id)?.cancel()
            timers.delete(id)
          },
          askForTasks: (_, { id }) => hands.askForTasks(id),
        },
      }),
    ),
  )
}

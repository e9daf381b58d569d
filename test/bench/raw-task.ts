/**
 * The bare baseline of tasks: a chart of six states as a user of XState would write it, one actor per task. It has no memory,
 * no queue, no retries, no leases and no second process; receipts of writes are events that it is sent at once.
 */
import { assign, createActor, fromPromise, setup } from 'xstate'
import type { Json } from '../../src/domain/json.ts'

interface RawContext {
  readonly input: Json
  readonly attempts: number
  readonly output: Json
}

export type Work = (input: Json) => Promise<Json>

function chartOf(work: Work) {
  return setup({
    types: {
      context: {} as RawContext,
      input: {} as { readonly input: Json },
      events: {} as { type: 'task.claim' } | { type: 'write.committed' },
    },
    actors: { work: fromPromise<Json, Json>(({ input }) => work(input)) },
  }).createMachine({
    id: 'task',
    context: ({ input }) => ({ input: input.input, attempts: 0, output: null }),
    initial: 'pending',
    states: {
      pending: {
        on: { 'task.claim': { target: 'claiming', actions: assign({ attempts: ({ context }) => context.attempts + 1 }) } },
      },
      claiming: { on: { 'write.committed': 'processing' } },
      processing: {
        invoke: {
          src: 'work',
          input: ({ context }) => context.input,
          onDone: { target: 'settling', actions: assign({ output: ({ event }) => event.output }) },
          onError: 'failed',
        },
      },
      settling: { on: { 'write.committed': 'completed' } },
      completed: { type: 'final' },
      failed: { type: 'final' },
    },
  })
}

const echo: Work = async (input) => input

export class RawTasks {
  readonly #chart

  constructor(work: Work = echo) {
    this.#chart = chartOf(work)
  }

  /** An actor at rest in `pending`. */
  queue(input: Json) {
    return createActor(this.#chart, { input: { input } }).start()
  }

  /** A whole life. */
  run(input: Json): Promise<Json> {
    return new Promise((resolve, reject) => {
      const actor = createActor(this.#chart, { input: { input } })
      actor.subscribe({
        next: (snapshot) => {
          if (snapshot.matches('settling')) actor.send({ type: 'write.committed' })
        },
        error: reject,
        complete: () => resolve(actor.getSnapshot().context.output),
      })
      actor.start()
      actor.send({ type: 'task.claim' })
      actor.send({ type: 'write.committed' })
    })
  }
}

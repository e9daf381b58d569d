/** An actor that counts what it is told: the smallest one of which a trace has something to tell. */
import { assign, setup } from 'xstate'

export const echoLogic = setup({
  types: { context: {} as { readonly count: number }, events: {} as { type: 'ping' } },
}).createMachine({
  id: 'echo',
  context: { count: 0 },
  on: { ping: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
})

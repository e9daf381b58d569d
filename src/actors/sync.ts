/**
 * The hands of `machines/sync.ts`: reads the store's feed as events and gives changes to subscribers by pattern. Decides
 * nothing; a subscriber that throws is reported and hurts no other.
 */
import { syncMachine } from '../../machines/sync.ts'
import { messageOf } from '../domain/errors.ts'
import type { Random } from '../ports/random.ts'
import type { Store, Stored } from '../ports/store.ts'
import { assertBound } from './bind.ts'

export interface SyncHands {
  readonly store: Pick<Store, 'watch'>
  readonly random: Random
  dispatch(changes: readonly Stored[]): void
  announce(state: 'live' | 'reset', through: number | null): void
  report(message: string): void
}

/** Every key: the feed of a process is one, whatever its subscribers want. */
const everything = '**'

export function syncLogic(hands: SyncHands) {
  let connection: AbortController | null = null
  /** Up to where everything was dispatched: an actor that crashed is started anew and knows nothing. */
  let place: number | 'now' = 'now'
  return assertBound(
    syncMachine.provide({
      actions: {
        connect: ({ self }, { after }) => {
          connection?.abort()
          const own = new AbortController()
          connection = own
          const follow = async (): Promise<void> => {
            const lost = (message: string): void => {
              if (!own.signal.aborted) self.send({ type: 'feed.lost', message, chance: hands.random.next() })
            }
            let isLive = false
            try {
              for await (const item of hands.store.watch(everything, { after: after ?? place, signal: own.signal })) {
                if (own.signal.aborted || self.getSnapshot().status !== 'active') return
                if (item.type === 'changes') self.send({ type: 'feed.changed', changes: item.changes })
                else if (item.type === 'caught-up') self.send({ type: 'feed.caughtUp', revision: item.revision })
                else self.send({ type: 'feed.reset' })
                if (self.getSnapshot().status !== 'active') return
                // A snapshot comes in key order: only its end is a place.
                if (item.type !== 'changes') isLive = item.type === 'caught-up'
                if (item.type === 'caught-up') place = item.revision
                else if (item.type === 'changes' && isLive) place = item.changes.at(-1)?.revision ?? place
              }
              lost('the store ended the watch')
            } catch (thrown) {
              lost(messageOf(thrown))
            }
          }
          void follow()
        },
        disconnect: () => {
          connection?.abort()
          connection = null
        },
        dispatch: (_, { changes }) => hands.dispatch(changes),
        announce: (_, news) => hands.announce(news.state, news.state === 'live' ? news.through : null),
        report: (_, { message }) => hands.report(message),
      },
    }),
  )
}

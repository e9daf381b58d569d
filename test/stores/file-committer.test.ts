/** The committer by itself, before a thread that the test plays: gathering, order, and what is said when no answer comes. */
import { expect, test } from 'vitest'
import type { MemorySyncError } from '../../src/domain/errors.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { CommitOptions } from '../../src/stores/file/commit-call.ts'
import { Committer, waitingUnitsMax } from '../../src/stores/file/committer.ts'
import { type FlatItem, itemsPerWrite, type ToThread, unflattenWrite } from '../../src/stores/file/protocol.ts'
import { put, rejectsWith } from '../../src/testing/store-contract/subject.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

const options: CommitOptions = { durability: 'process-crash', entryBytesMax: 1000, signal: undefined }

function play() {
  const clock = createVirtualClock()
  const sent: Extract<ToThread, { type: 'commit' }>[] = []
  let holders = 0
  let head = 0
  const thread = {
    isDead: false,
    post: (message: ToThread) => {
      if (message.type === 'commit') sent.push(message)
    },
    hold: () => {
      holders++
    },
    release: () => {
      holders--
    },
  }
  const restarts: (() => void)[] = []
  const committer = new Committer(
    {
      clock,
      logger: silentLogger,
      decode: () => {
        throw new Error('nothing is stored')
      },
      onCommitted: () => {},
      onIdle: () => {},
      restart: () => new Promise((resolve) => restarts.push(() => resolve({ ...thread, isDead: false }))),
    },
    thread,
  )
  const answer = (message: Extract<ToThread, { type: 'commit' }>) => {
    const results = keysOf(message.units).map((_, index) => head + 1 + index)
    const before = head
    head += results.length
    committer.onMessage({ type: 'receipts', id: message.id, before, after: head, results })
  }
  const turn = () => clock.advance(0)
  return { committer, clock, thread, sent, answer, turn, restarts, holders: () => holders }
}

/** The keys of units with one write each. */
function keysOf(items: readonly FlatItem[]): string[] {
  const keys: string[] = []
  for (let at = 1; at < items.length; at += itemsPerWrite + 1) keys.push(unflattenWrite(items, at).key)
  return keys
}

test('calls of one turn go as one chunk; while it is under way the next ones gather', async () => {
  const { committer, sent, answer, turn, holders } = play()
  const first = ['a', 'b', 'c'].map((key) => committer.commit([[put(key, 1)]], options))
  await turn()
  const later = ['d', 'e'].map((key) => committer.commit([[put(key, 1)]], options))
  await turn()
  expect(sent.map(({ units }) => keysOf(units))).toEqual([['a', 'b', 'c']])
  expect(holders()).toBe(1)
  answer(sent[0] as (typeof sent)[0])
  expect((await Promise.all(first)).map(([receipt]) => receipt)).toEqual(
    [1, 2, 3].map((revision) => ({ type: 'committed', revision, durability: 'process-crash' })),
  )
  await turn()
  expect(keysOf((sent[1] as (typeof sent)[0]).units)).toEqual(['d', 'e'])
  answer(sent[1] as (typeof sent)[0])
  await Promise.all(later)
  expect(holders()).toBe(0)
  await committer.drained()
})

test('much goes as two halves, and nothing more before one of them is answered', async () => {
  const { committer, sent, answer, turn } = play()
  const commit = (name: string) => committer.commit([[put(name, 1)]], options)
  const all = Array.from({ length: 100 }, (_, index) => commit(`k${index}`))
  await turn()
  expect(sent.map(({ units }) => keysOf(units).length)).toEqual([50, 50])
  all.push(...Array.from({ length: 50 }, (_, index) => commit(`l${index}`)))
  await turn()
  expect(sent.length).toBe(2)
  for (let index = 0; index < 3; index++) answer(sent[index] as (typeof sent)[0])
  expect(keysOf((sent[2] as (typeof sent)[0]).units).length).toBe(50)
  await Promise.all(all)
})

test('a batch waits neither for its turn to end nor for the chunk under way', () => {
  const { committer, sent } = play()
  void committer.commit([[put('a', 1)], [put('b', 1)]], options)
  void committer.commit([[put('c', 1)], [put('d', 1)]], options)
  void committer.commit([[put('e', 1)], [put('f', 1)]], options)
  expect(sent.map(({ units }) => keysOf(units))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('a full chunk is sent ahead, no more than one', async () => {
  const { committer, sent, answer, turn } = play()
  const all = Array.from({ length: 1000 }, (_, index) => committer.commit([[put(`k${index}`, 1)]], options))
  await turn()
  expect(sent.length).toBe(2)
  const seen: string[] = []
  for (let index = 0; index < sent.length; index++) {
    seen.push(...keysOf((sent[index] as (typeof sent)[0]).units))
    answer(sent[index] as (typeof sent)[0])
    await turn()
  }
  expect(seen).toEqual(all.map((_, index) => `k${index}`))
  await Promise.all(all)
})

test('a slow disk makes chunks grow', async () => {
  const { committer, clock, sent, answer, turn } = play()
  const all = Array.from({ length: 5000 }, (_, index) => committer.commit([[put(`k${index}`, 1)]], options))
  await turn()
  const sizes: number[] = []
  for (let index = 0; index < sent.length; index++) {
    await clock.advance(10)
    sizes.push(keysOf((sent[index] as (typeof sent)[0]).units).length)
    answer(sent[index] as (typeof sent)[0])
    await turn()
  }
  expect(sizes[0]).toBe(128)
  expect(Math.max(...sizes)).toBe(1024)
  await Promise.all(all)
})

test('a unit that cannot be encoded is refused by itself', async () => {
  const { committer, sent, answer, turn } = play()
  const receipts = committer.commit([[put('big', 'x'.repeat(2000))], [put('small', 1)]], options)
  await turn()
  expect(keysOf((sent[0] as (typeof sent)[0]).units)).toEqual(['small'])
  answer(sent[0] as (typeof sent)[0])
  const [big, small] = await receipts
  expect(big?.type === 'failed' && big.error.code).toBe('too_large')
  expect(small?.type).toBe('committed')
})

test('a call that is aborted while it waits is not sent', async () => {
  const { committer, sent, answer, turn } = play()
  const controller = new AbortController()
  const given = rejectsWith('aborted', () => committer.commit([[put('a', 1)]], { ...options, signal: controller.signal }))
  const kept = committer.commit([[put('b', 1)]], options)
  controller.abort()
  await turn()
  expect(keysOf((sent[0] as (typeof sent)[0]).units)).toEqual(['b'])
  answer(sent[0] as (typeof sent)[0])
  await Promise.all([given, kept])
})

test('more than the bound waits for nobody: backpressure', async () => {
  const { committer } = play()
  const unit = [put('a', 1)]
  void committer.commit(new Array(waitingUnitsMax).fill(unit), options)
  // The first chunks are on their way already.
  await rejectsWith('backpressure', () => committer.commit(new Array(1000).fill(unit), options))
})

test('when no answer comes nobody waits for ever, and all is well again when it comes', async () => {
  const { committer, clock, sent, answer, turn, holders } = play()
  const sentOnes = rejectsWith('unknown_outcome', () => committer.commit([[put('a', 1)]], options))
  await turn()
  const waiting = rejectsWith('store_unavailable', () => committer.commit([[put('b', 1)]], options))
  await turn()
  await clock.advance(30_000)
  await Promise.all([sentOnes, waiting])
  expect(holders()).toBe(0)
  await rejectsWith('store_unavailable', () => committer.commit([[put('c', 1)]], options))
  answer(sent[0] as (typeof sent)[0])
  const later = committer.commit([[put('d', 1)]], options)
  await turn()
  answer(sent[1] as (typeof sent)[0])
  expect((await later)[0]?.type).toBe('committed')
  expect(clock.pending).toBe(0)
})

test('a death says unknown of what was sent, and makes what waits with the next thread', async () => {
  const { committer, thread, sent, turn, restarts, answer } = play()
  const lost = committer.commit([[put('a', 1)]], options).catch((error: MemorySyncError) => error.code)
  await turn()
  const waiting = committer.commit([[put('b', 1)]], options)
  await turn()
  thread.isDead = true
  committer.onDeath('killed')
  expect(await lost).toBe('unknown_outcome')
  expect(restarts.length).toBe(1)
  restarts[0]?.()
  await turn()
  expect(keysOf((sent[1] as (typeof sent)[0]).units)).toEqual(['b'])
  answer(sent[1] as (typeof sent)[0])
  expect((await waiting)[0]?.type).toBe('committed')
})

/** The file store between processes: what one writes, what others see, and what a killed one leaves behind. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { fileStore } from '../../src/stores/file.ts'
import { committed, FeedReader, listed, put, valueAt } from '../../src/testing/store-contract/subject.ts'
import { Peer, temporaryDirectory } from './peers.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

async function startPeer(path = directory.path): Promise<Peer> {
  const peer = await Peer.start(path)
  directory.onRemove.push(() => peer.kill())
  return peer
}

async function openStore(path = directory.path) {
  const store = fileStore({ directory: path, clock: systemClock })
  directory.onRemove.push(() => store.close())
  await store.open()
  return store
}

test('what another process has committed is read at once, and watched', async () => {
  const [store, peer] = await Promise.all([openStore(), startPeer()])
  const reader = new FeedReader(store.watch('**'))
  await reader.snapshot()
  for (let round = 0; round < 50; round++) {
    await peer.ask({ do: 'put', key: `peer/${round}`, value: round })
    expect(await valueAt(store, `peer/${round}`)).toBe(round)
    await committed(store, put(`own/${round}`, round))
  }
  await committed(store, put('zlast', 1))
  await reader.until('zlast')
  expect(reader.stored.size).toBe(101)
  expect(reader.resets).toBe(0)
})

test('a write here reaches a watch there', async () => {
  const [store, peer] = await Promise.all([openStore(), startPeer()])
  await peer.ask({ do: 'watch', key: 'a' })
  for (let round = 1; round <= 20; round++) {
    const revision = await committed(store, put('a', round))
    await peer.toldAtLeast(round)
    expect(peer.told.at(-1)).toEqual({ did: 'told', value: round, revision })
  }
})

test('a watch that nothing is told of by the file system is polled', async () => {
  // The peer writes while this process is kept from its events: afterwards no event may be missed.
  const [store, peer] = await Promise.all([openStore(), startPeer()])
  const reader = new FeedReader(store.watch('*'))
  await reader.snapshot()
  const waiting = reader.until('k99')
  await peer.ask({ do: 'fill', prefix: 'k', count: 100, valueBytes: 10 })
  await waiting
  expect(reader.stored.size).toBe(100)
})

test('increments by compare-and-set are exact over three processes', async () => {
  const store = await openStore()
  await committed(store, put('counter', 0))
  const peers = await Promise.all([startPeer(), startPeer()])
  const own = (async () => {
    for (let done = 0; done < 100; ) {
      const stored = await store.get('counter')
      const next = put('counter', (stored?.entry.value as number) + 1, { type: 'revision', revision: stored?.revision ?? 0 })
      const [receipt] = await store.commit([[next]])
      if (receipt?.type === 'committed') done++
    }
  })()
  await Promise.all([own, ...peers.map((peer) => peer.ask({ do: 'increment', key: 'counter', times: 100 }))])
  expect(await valueAt(store, 'counter')).toBe(300)
})

test('no commit is taken back by a process that opens the store meanwhile', async () => {
  const store = await openStore()
  await committed(store, put('counter', 0))
  const [incrementing, ...opening] = await Promise.all([startPeer(), startPeer(), startPeer()])
  const increments = 2000
  let isOver = false
  const opened = Promise.all(opening.map((peer) => peer.ask({ do: 'reopen', times: 60 }))).then(() => {
    isOver = true
  })
  const own = (async () => {
    for (let count = 1; !isOver; count++) {
      const revision = await committed(store, put('own', count))
      expect(await store.get('own')).toMatchObject({ revision, entry: { value: count } })
    }
  })()
  await Promise.all([own, opened, incrementing.ask({ do: 'increment', key: 'counter', times: increments })])
  expect(await valueAt(store, 'counter')).toBe(increments)
})

test('of a killed writer nothing that it had a receipt for is missing, and the others go on', async () => {
  const store = await openStore()
  for (let round = 0; round < 4; round++) {
    const peer = await startPeer()
    peer.send({ do: 'stream', prefix: `r${round}/k`, count: 100_000, valueBytes: 300 })
    await peer.toldAtLeast(50 + 37 * round)
    await peer.kill()
    const acknowledged = peer.told.length
    expect(acknowledged).toBeGreaterThanOrEqual(50)
    for (const { value, revision } of peer.told) {
      expect((await store.get(`r${round}/k${value}`))?.revision).toBe(revision)
    }
    // At most what was on its way when it died.
    expect((await listed(store.list(`r${round}/*`))).length).toBeLessThanOrEqual(acknowledged + 1)
    await committed(store, put(`after/${round}`, 1))
  }
  await store.close()
  const again = await openStore()
  expect((await listed(again.list('after/*'))).length).toBe(4)
})

test('any number of processes may create the store at once', async () => {
  const path = join(directory.path, 'deep', 'store')
  const peers = await Promise.all([startPeer(path), startPeer(path), startPeer(path), startPeer(path)])
  await Promise.all(peers.map((peer, index) => peer.ask({ do: 'put', key: `k${index}`, value: index })))
  const store = await openStore(path)
  expect((await listed(store.list('*'))).map(({ entry }) => entry.value)).toEqual([0, 1, 2, 3])
})

test('two processes that make the file grow both go on writing and reading', async () => {
  const [store, peer] = await Promise.all([openStore(), startPeer()])
  const reader = new FeedReader(store.watch('*', { after: 'now' }))
  const filling = peer.ask({ do: 'fill', prefix: 'peer', count: 300, valueBytes: 100_000 })
  for (let index = 0; index < 300; index++) {
    await committed(store, put(`own${index}`, 'y'.repeat(100_000)))
    if (index % 50 === 0) expect(await valueAt(store, `own${index}`)).toHaveLength(100_000)
  }
  await filling
  expect(statSync(join(directory.path, 'data.mdb')).size).toBeGreaterThan(60_000_000)
  for (const key of ['own0', 'own299', 'peer0', 'peer299']) expect(await valueAt(store, key)).toHaveLength(100_000)
  await committed(store, put('zlast', 1))
  await reader.until('zlast')
  expect(reader.stored.size).toBe(601)
})

test('a process ends by itself after close, and also without it when nothing is pending', async () => {
  const [closing, leaving] = await Promise.all([startPeer(), startPeer()])
  await closing.ask({ do: 'put', key: 'a', value: 1 })
  await closing.ask({ do: 'close' })
  closing.send({ do: 'leave' })
  await leaving.ask({ do: 'put', key: 'b', value: 1 })
  leaving.send({ do: 'leave' })
  expect(await Promise.all([closing.exited, leaving.exited])).toEqual([0, 0])
})

test('process.exit() in the middle of commits ends the process, and the store is whole', async () => {
  for (let round = 0; round < 4; round++) {
    const peer = await startPeer()
    peer.send({ do: 'exit-busy' })
    expect(await peer.exited).toBe(7)
  }
  const store = await openStore()
  await committed(store, put('after', 1))
  expect((await listed(store.list('busy*'))).length).toBe(301)
})

test('a process with a commit under way stays until it is done', async () => {
  const peer = await startPeer()
  await peer.ask({ do: 'open' })
  peer.send({ do: 'fill', prefix: 'k', count: 50, valueBytes: 1000 })
  peer.send({ do: 'leave' })
  // The answer is lost with the channel; what counts is what is stored.
  await peer.exited
  const store = await openStore()
  expect((await listed(store.list('k*'))).length).toBe(50)
})

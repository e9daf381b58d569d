/** A watched process is killed, and started again: real processes, a real store, real sockets. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/platform.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import { announcementKey, announcementOf, inspectKey, inspectRenewMs, inspectTtlSeconds } from '../../src/trace/beacon-keys.ts'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { startChild, withDirectory } from '../process/children.ts'
import { served, toldBy } from './served.ts'

const fixture = '../../trace/fixtures/traced-worker.ts'

test('a process that is killed is lost, and heard again under a new name when it is started again', {
  timeout: 60_000,
}, async () => {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const inspector = createRuntime({ store })
    const { client, records, hears } = toldBy()
    const { memory, namespace } = inspector
    const request = (): Promise<unknown> =>
      memory.set(inspectKey(namespace), { watcher: 'test', allowsActions: false }, { ttlSeconds: inspectTtlSeconds })
    await inspector.ready()
    const following = new AbortController()
    const follow = async (): Promise<void> => {
      for await (const change of memory.watch(announcementKey(namespace, 'w'), { signal: following.signal })) {
        client.announced(change.type === 'set' ? announcementOf(change.value) : null)
      }
    }
    const followed = follow().catch((error) => error)
    await request()
    const renew = (): void => {
      timer = systemClock.setTimer(inspectRenewMs / 10, () => {
        void request()
        renew()
      })
    }
    let timer = systemClock.setTimer(0, renew)

    const lives: string[] = []
    const lost: TraceRecord[] = []
    for (let life = 1; life <= 2; life++) {
      const child = startChild(fixture, { store, workerId: 'w' })
      const { ready } = (await child.hears((message) => 'ready' in (message as object))) as { ready: string }
      lives.push(ready)
      await hears((record) => record.source === ready && record.type === 'source')
      child.process.send(`task ${life}`)
      await hears((record) => record.source === ready && record.type === 'transition' && record.to === 'completed')
      child.process.kill('SIGKILL')
      lost.push(await hears((record) => record.source === ready && record.type === 'source.lost'))
      await child.ended
    }
    // One that ends properly says so itself.
    const child = startChild(fixture, { store, workerId: 'w' })
    const { ready } = (await child.hears((message) => 'ready' in (message as object))) as { ready: string }
    await hears((record) => record.source === ready && record.type === 'source')
    child.process.send('shutdown')
    const last = await hears((record) => record.source === ready && record.type === 'source.lost')
    expect(await child.ended).toEqual({ code: 0, signal: null })
    expect(last).toMatchObject({ reason: 'its runtime was shut down' })

    expect(new Set([...lives, ready]).size).toBe(3)
    for (const source of [...lives, ready]) {
      const own = records.filter((record) => record.source === source)
      expect(own.map(({ seq }) => seq)).toEqual(own.map((_, index) => (own[0]?.seq ?? 0) + index))
      expect([own[0]?.type, own.at(-1)?.type]).toEqual(['source', 'source.lost'])
      expect(own[0]).toMatchObject({ workerId: 'w', incarnation: source })
    }
    // What the killed ones told last nobody knows; of the other nothing is missing.
    expect(records.filter(({ type }) => type === 'gap')).toMatchObject(lives.map((source) => ({ source, lost: null })))
    expect(lost).toMatchObject(lives.map((source) => ({ source, reason: expect.stringMatching(/ECONNREFUSED|took|taken|end/) })))
    console.log(`  lost because: ${lost.map((record) => 'reason' in record && record.reason).join('; ')}`)

    timer.cancel()
    following.abort()
    await followed
    client.stop()
    await inspector.shutdown()
  })
})

test('being inspected keeps no process alive', { timeout: 60_000 }, async () => {
  await withDirectory(async (directory) => {
    const store = `file:${directory}`
    const inspector = createRuntime({ store })
    await inspector.ready()
    const { client, hears } = toldBy()
    const { memory, namespace } = inspector
    const child = startChild(fixture, { store, workerId: 'w', keepAlive: false })
    const { ready } = (await child.hears((message) => 'ready' in (message as object))) as { ready: string }
    await memory.set(inspectKey(namespace), { watcher: 'test', allowsActions: false }, { ttlSeconds: inspectTtlSeconds })
    for await (const change of memory.watch(announcementKey(namespace, 'w'))) {
      client.announced(change.type === 'set' ? announcementOf(change.value) : null)
      if (change.type === 'set') break
    }
    await hears((record) => record.source === ready && record.type === 'source')
    // Nothing holds it but the channel to its parent.
    child.process.disconnect()
    expect(await child.ended).toEqual({ code: 0, signal: null })
    await hears((record) => record.source === ready && record.type === 'source.lost')
    client.stop()
    await inspector.shutdown()
  })
})

test('reading keeps no process alive either', { timeout: 60_000 }, async () => {
  const it = await served()
  try {
    const child = startChild('../../trace/fixtures/reader.ts', { announcement: it.announcement })
    await child.hears((message) => 'heard' in (message as object))
    expect(it.server.clients).toBe(1)
    // Nothing holds it but the channel to its parent; the stream that it reads goes on.
    child.process.disconnect()
    expect(await child.ended).toEqual({ code: 0, signal: null })
  } finally {
    await it.server.close()
  }
})

/** The file store when its thread dies: what is said of the commits that it had, and how it goes on. */
import { realpathSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MemorySyncError } from '../../src/domain/errors.ts'
import { systemClock } from '../../src/platform.ts'
import { openDirectoryAt } from '../../src/stores/file/open-directory.ts'
import type { CrashPoint } from '../../src/stores/file/protocol.ts'
import { fileStore } from '../../src/stores/file.ts'
import { committed, FeedReader, put, rejectsWith, valueAt } from '../../src/testing/store-contract/subject.ts'
import { temporaryDirectory } from './peers.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

async function open() {
  const store = fileStore({ directory: directory.path, clock: systemClock })
  directory.onRemove.push(() => store.close())
  await store.open()
  const crash = async (when: CrashPoint) => (await openDirectoryAt(realpathSync(directory.path)))?.crashThread(when)
  return { store, crash }
}

test('a thread that dies idle is not missed: the next commit starts another', async () => {
  const { store, crash } = await open()
  await committed(store, put('a', 1))
  await crash('now')
  // Whether the death is noticed before or after this commit is sent, only these two answers are right.
  const outcome = await store.commit([[put('b', 1)]]).then(
    ([receipt]) => receipt?.type,
    (error: MemorySyncError) => error.code,
  )
  expect(['committed', 'unknown_outcome']).toContain(outcome)
  await committed(store, put('c', 1))
  expect(await valueAt(store, 'a')).toBe(1)
  expect(await valueAt(store, 'c')).toBe(1)
})

test('dying with a commit that was not begun leaves nothing of it, and says that the outcome is unknown', async () => {
  const { store, crash } = await open()
  await committed(store, put('a', 1))
  await crash('before-commit')
  const error = await rejectsWith('unknown_outcome', () => store.commit([[put('a', 2), put('b', 2)]]))
  expect(error.retryable).toBe(true)
  expect(await valueAt(store, 'a')).toBe(1)
  expect(await store.get('b')).toBe(null)
  await committed(store, put('a', 3))
  expect(await valueAt(store, 'a')).toBe(3)
})

test('dying with a commit that was made leaves all of it, and says that the outcome is unknown', async () => {
  const { store, crash } = await open()
  const reader = new FeedReader(store.watch('*'))
  await reader.snapshot()
  await crash('after-commit')
  await rejectsWith('unknown_outcome', () => store.commit([[put('a', 2), put('b', 2)]]))
  expect(await valueAt(store, 'a')).toBe(2)
  expect(await valueAt(store, 'b')).toBe(2)
  // Watches hear of it all the same.
  await reader.until('b')
  await committed(store, put('c', 1))
  await reader.until('c')
  expect(reader.resets).toBe(0)
})

test('commits that wait behind a dead thread are made by the next one, in their order', async () => {
  const { store, crash } = await open()
  await crash('before-commit')
  const first = rejectsWith('unknown_outcome', () => store.commit([[put('first', 1)]]))
  await new Promise((resolve) => systemClock.defer(() => resolve(null)))
  const later = Array.from({ length: 20 }, (_, index) => committed(store, put('later', index)))
  await first
  const revisions = await Promise.all(later)
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
  expect(await valueAt(store, 'later')).toBe(19)
})

test('a thread that keeps dying is given up, with an error that says so; reads go on', async () => {
  const { store, crash } = await open()
  await committed(store, put('a', 1))
  let given: MemorySyncError | null = null
  // Every other crash finds the thread dead already: the commit after it starts the next one.
  for (let round = 0; round < 20 && given === null; round++) {
    await crash('before-commit')
    given = await store.commit([[put('a', 2)]]).then(
      () => null,
      (error: MemorySyncError) => (error.code === 'store_unavailable' ? error : null),
    )
  }
  expect(given?.message).toMatch(/died 5 times/)
  expect(await valueAt(store, 'a')).toBeTypeOf('number')
})

test('closing after a death ends everything', async () => {
  const { store, crash } = await open()
  await crash('before-commit')
  await rejectsWith('unknown_outcome', () => store.commit([[put('a', 1)]]))
  await store.close()
  const again = await open()
  expect(await again.store.get('a')).toBe(null)
})

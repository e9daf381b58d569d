/** The file store and its directory: what it creates, what it refuses and how it says so, what it leaves behind. */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { open as openLmdb } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/domain/errors.ts'
import { systemClock } from '../../src/platform.ts'
import type { LogFields, Logger } from '../../src/ports/logger.ts'
import { entriesDatabase, environmentOptions } from '../../src/stores/file/format.ts'
import { type FileStoreOptions, fileStore } from '../../src/stores/file.ts'
import { committed, FeedReader, listed, put, rejectsWith, valueAt } from '../../src/testing/store-contract/subject.ts'
import { temporaryDirectory } from './peers.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

function store(path = join(directory.path, 'store'), options: Partial<FileStoreOptions> = {}) {
  const made = fileStore({ directory: path, clock: systemClock, ...options })
  directory.onRemove.push(() => made.close())
  return made
}

async function refusal(path: string, code: ErrorCode): Promise<string> {
  const error = await rejectsWith(code, () => store(path).open())
  expect(error.message).toContain(path)
  return error.message
}

test('makes the directory, keeps it out of git, and says what format it has', async () => {
  const path = join(directory.path, 'a', 'b', 'my.store')
  await committed(store(path), put('a', 1))
  expect(readFileSync(join(path, '.gitignore'), 'utf8')).toBe('*\n')
  expect(JSON.parse(readFileSync(join(path, 'format.json'), 'utf8'))).toMatchObject({ format: 1 })
  expect(statSync(join(path, 'data.mdb')).isFile()).toBe(true)
})

test('touches nothing before it is opened', () => {
  store()
  expect(existsSync(join(directory.path, 'store'))).toBe(false)
})

test('what is stored is there when it is opened again', async () => {
  const first = store()
  const revision = await committed(first, put('a', { list: [1, 'é'] }))
  await first.close()
  const second = store()
  expect((await second.get('a'))?.revision).toBe(revision)
  expect(await valueAt(second, 'a')).toEqual({ list: [1, 'é'] })
  expect(await committed(second, put('b', 1))).toBe(revision + 1)
})

test('two ways to one directory are one store', async () => {
  const one = store()
  await committed(one, put('a', 1))
  symlinkSync(join(directory.path, 'store'), join(directory.path, 'link'))
  const other = store(join(directory.path, 'link'))
  const reader = new FeedReader(other.watch('*'))
  await reader.snapshot()
  await committed(one, put('a', 2))
  expect((await reader.changes(1))[0]?.entry.value).toBe(2)
})

test('refuses a newer format and advises', async () => {
  const path = join(directory.path, 'store')
  await store(path).open()
  writeFileSync(join(path, 'format.json'), '{"format":2}')
  expect(await refusal(path, 'not_supported')).toMatch(/format 2.*reads up to 1.*newer memory-sync/)
})

test.each([
  ['', 'JSON'],
  ['{"format":', 'JSON'],
  ['{"format":"one"}', 'positive integer'],
  ['[]', 'positive integer'],
  ['null', 'positive integer'],
])('refuses the format file %j and changes nothing', async (text, reason) => {
  const path = join(directory.path, 'store')
  await store(path).open()
  writeFileSync(join(path, 'format.json'), text)
  const message = await refusal(path, 'corrupt')
  expect(message).toContain('format.json')
  expect(message).toContain(reason)
  expect(message).toMatch(/Restore it from a backup, or move the directory away/)
  expect(readFileSync(join(path, 'format.json'), 'utf8')).toBe(text)
})

test.each([10, 5000, 100_000])('refuses a data file of %d bytes that is none, and changes nothing', async (size) => {
  const path = join(directory.path, 'store')
  const first = store(path)
  await first.open()
  await first.close()
  const garbage = Buffer.alloc(size, 'not a database ')
  writeFileSync(join(path, 'data.mdb'), garbage)
  expect(await refusal(path, 'corrupt')).toContain('data.mdb')
  expect(readFileSync(join(path, 'data.mdb')).equals(garbage)).toBe(true)
})

test('refuses a data file that was cut short instead of being killed by it', async () => {
  const path = join(directory.path, 'store')
  const first = store(path)
  for (let index = 0; index < 50; index++) await committed(first, put(`k${index}`, 'x'.repeat(10_000)))
  await first.close()
  for (const size of [8192, 4096, 100]) {
    truncateSync(join(path, 'data.mdb'), size)
    expect(await refusal(path, 'corrupt')).toContain('data.mdb')
  }
})

test('refuses a data file of another lmdb version', async () => {
  const path = join(directory.path, 'store')
  const first = store(path)
  await committed(first, put('a', 1))
  await first.close()
  const file = openSync(join(path, 'data.mdb'), 'r+')
  for (const page of [0, 4096]) writeSync(file, Buffer.from([99]), 0, 1, page + 28)
  closeSync(file)
  expect(await refusal(path, 'corrupt')).toMatch(/data version 99/)
})

test('an unfit place fails with the path and the advice to use memory:', async () => {
  const file = join(directory.path, 'file')
  writeFileSync(file, '')
  for (const path of [file, join(file, 'below'), '/proc/memory-sync-store']) {
    const message = await refusal(path, 'store_unavailable')
    expect(message).toContain("'memory:'")
  }
  expect(await refusal(file, 'store_unavailable')).toMatch(/there is a file of that name/)
  const handle = store(file)
  await rejectsWith('store_unavailable', () => handle.get('a'))
  await rejectsWith('store_unavailable', () => committed(handle, put('a', 1)))
})

test('an opening that failed may be tried again', async () => {
  const path = join(directory.path, 'store')
  await store(path).open()
  writeFileSync(join(path, 'format.json'), '{"format":2}')
  const handle = store(path)
  await rejectsWith('not_supported', () => handle.open())
  writeFileSync(join(path, 'format.json'), '{"format":1}')
  await committed(handle, put('a', 1))
})

test('an entry that cannot be read is named by get, left out of lists and watches, and may be replaced', async () => {
  const path = join(directory.path, 'store')
  const first = store(path)
  const revision = await committed(first, put('a', 1), put('b', 1), put('c', 1))
  await first.close()
  const lmdb = openLmdb({ ...environmentOptions, path })
  lmdb.openDB(entriesDatabase).putSync('b', '{"value":1}', revision + 1)
  await lmdb.close()

  const reports: (LogFields | undefined)[] = []
  const logger: Logger = { debug() {}, info() {}, warn() {}, error: (_message, fields) => reports.push(fields) }
  const second = store(path, { logger })
  const error = await rejectsWith('corrupt', () => second.get('b'))
  expect(error.key).toBe('b')
  expect((await listed(second.list('*'))).map(({ key }) => key)).toEqual(['a', 'c'])
  const reader = new FeedReader(second.watch('*'))
  expect((await reader.snapshot()).changes.map(({ key }) => key)).toEqual(['a', 'c'])
  expect(reports.map((fields) => fields?.key)).toEqual(['b'])

  const [causal] = await second.commit([[put('b', 2, { type: 'causal', context: {} })]])
  expect(causal?.type === 'failed' && causal.error.code).toBe('corrupt')
  const [conflict] = await second.commit([[put('b', 2, { type: 'revision', revision: 999 })]])
  expect(conflict?.type === 'failed' && conflict.error.code).toBe('corrupt')
  await committed(second, put('b', 2, { type: 'revision', revision: revision + 1 }))
  expect(await valueAt(second, 'b')).toBe(2)
  expect((await reader.changes(1))[0]?.key).toBe('b')
})

test('an entry over the limit is refused by itself', async () => {
  const handle = store(undefined, { entryBytesMax: 500 })
  const receipts = await handle.commit([[put('a', 'x'.repeat(600))], [put('b', 1)]])
  expect(receipts[0]?.type === 'failed' && receipts[0].error.code).toBe('too_large')
  expect(receipts[1]?.type).toBe('committed')
})

test('with fsync the receipts say so', async () => {
  const handle = store(undefined, { durability: 'fsync' })
  expect(handle.features.durability).toBe('fsync')
  const [receipt] = await handle.commit([[put('a', 1)]])
  expect(receipt?.type === 'committed' && receipt.durability).toBe('fsync')
})

test('after close no timer, no thread and no handle is left', async () => {
  const resources = () => process.getActiveResourcesInfo().sort()
  await store().open()
  const before = resources()
  const others = [store(join(directory.path, 'two')), store(join(directory.path, 'two'))]
  for (const other of others) {
    await other.open()
    await committed(other, put('a', 1))
    const reader = new FeedReader(other.watch('*'))
    await reader.snapshot()
    void reader.next()
  }
  await Promise.all(others.map((other) => other.close()))
  // lmdb resets its read transaction by a timer of 0 ms.
  await new Promise((resolve) => systemClock.setTimer(5, () => resolve(null)))
  const left = resources()
  for (const resource of before) left.splice(left.indexOf(resource), left.includes(resource) ? 1 : 0)
  expect(left).toEqual([])
})

test('closing and opening again at once is in order', async () => {
  const path = join(directory.path, 'store')
  for (let round = 0; round < 5; round++) {
    const handle = store(path)
    await committed(handle, put('a', round))
    void handle.close()
  }
  expect(await valueAt(store(path), 'a')).toBe(4)
})

test('closing before the opening is done is in order', async () => {
  const handle = store()
  const opening = handle.open()
  await handle.close()
  await opening
  await rejectsWith('closed', () => handle.get('a'))
  await committed(store(), put('a', 1))
})

test('a watch that was begun before the opening is done works, from now too', async () => {
  const handle = store()
  const reader = new FeedReader(handle.watch('*', { after: 'now' }))
  await handle.open()
  await committed(handle, put('a', 1))
  await reader.until('a')
})

test.each([
  [{ directory: '' }, /directory/],
  [{ durability: 'maybe' }, /durability/],
  [{ entryBytesMax: 0 }, /entryBytesMax/],
  [{ logChangesMax: 1.5 }, /logChangesMax/],
])('refuses the options %j', async (options, message) => {
  const given = { directory: 'x', clock: systemClock, ...options } as FileStoreOptions
  expect((await rejectsWith('invalid_option', () => fileStore(given))).message).toMatch(message)
})

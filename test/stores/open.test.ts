/** Stores by URL, and where the default one lies. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock, systemRandom } from '../../src/platform.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { defaultStoreUrl, openStore } from '../../src/stores/open.ts'
import { rejectsWith } from '../../src/testing/store-contract/subject.ts'
import { temporaryDirectory } from './peers.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

const options = { clock: systemClock, random: systemRandom, env: {}, cwd: '/srv/app' }

test('memory: is private, memory:<name> is named', () => {
  expect(openStore('memory:', options).url).toBe('memory:')
  expect(openStore('memory:jobs', options).url).toBe('memory:jobs')
})

test('file: takes absolute and relative directories, and URLs as the web has them', () => {
  expect(openStore('file:/var/lib/app', options).url).toBe('file:/var/lib/app')
  expect(openStore('file:data/store', options).url).toBe('file:/srv/app/data/store')
  expect(openStore('file:../store', options).url).toBe('file:/srv/store')
  expect(openStore('file:/with space', options).url).toBe('file:/with space')
  expect(openStore('file:///with%20space', options).url).toBe('file:/with space')
})

test('file: alone, and nothing at all, is the default directory', () => {
  mkdirSync(join(directory.path, '.git'))
  const cwd = join(directory.path, 'a')
  mkdirSync(cwd)
  const expected = `file:${join(directory.path, '.memory-sync')}`
  expect(openStore('file:', { ...options, cwd }).url).toBe(expected)
  expect(openStore(undefined, { ...options, cwd }).url).toBe(expected)
})

test('an object is taken as it is', () => {
  const store = memoryStore({ clock: systemClock })
  expect(openStore(store, options)).toBe(store)
})

test('the environment overrides the default, not what was asked for', () => {
  const env = { MEMORY_SYNC_STORE: 'memory:env' }
  expect(openStore(undefined, { ...options, env }).url).toBe('memory:env')
  expect(openStore('memory:asked', { ...options, env }).url).toBe('memory:asked')
  expect(defaultStoreUrl('/srv', { MEMORY_SYNC_STORE: '' })).not.toBe('')
})

test('nats: this version has no adapter', async () => {
  const error = await rejectsWith('not_supported', () => openStore('nats://host', options))
  expect(error.message).toContain('nats://host')
})

test.each(['', 'redis://host', 'memory', '/srv/app', 'FILE:/x', 'file://host/x'])('%j is no URL of a store', async (url) => {
  const error = await rejectsWith('invalid_option', () => openStore(url, options))
  expect(error.message).toContain(JSON.stringify(url))
  expect(error.message).toMatch(/file:<directory>/)
})

test('the default directory is in the nearest ancestor that has one, else in the nearest project, else here', () => {
  const project = join(directory.path, 'project')
  const deep = join(project, 'packages', 'a', 'src')
  mkdirSync(deep, { recursive: true })
  const at = (path: string) => `file:${join(path, '.memory-sync')}`
  expect(defaultStoreUrl(deep, {})).toBe(at(deep))
  mkdirSync(join(project, '.git'))
  expect(defaultStoreUrl(deep, {})).toBe(at(project))
  writeFileSync(join(project, 'packages', 'a', 'package.json'), '{}')
  expect(defaultStoreUrl(deep, {})).toBe(at(join(project, 'packages', 'a')))
  mkdirSync(join(project, '.memory-sync'))
  expect(defaultStoreUrl(deep, {})).toBe(at(project))
})

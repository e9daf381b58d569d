import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadHandlers } from '../../src/cli/handlers-module.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'memory-sync-cli-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let files = 0
function load(source: string, extension = 'mjs') {
  const name = `module-${++files}.${extension}`
  writeFileSync(join(directory, name), source)
  return loadHandlers(name, directory)
}

describe('a module of handlers', () => {
  it.each([
    ['exports handlers', 'export const handlers = { greet() {} }', 'mjs'],
    ['has them as its default export', 'export default { greet() {} }', 'mjs'],
    ['has { handlers } as its default export', 'export default { handlers: { greet() {} } }', 'mjs'],
    ['is CommonJS', 'module.exports = { handlers: { greet() {} } }', 'cjs'],
    ['was compiled to CommonJS', 'exports.__esModule = true; exports.default = { greet() {} }', 'cjs'],
  ])('works when it %s', async (_, source, extension) => {
    const { handlers, capacity } = await load(source, extension)
    expect(Object.keys(handlers)).toEqual(['greet'])
    expect(handlers.greet).toBeTypeOf('function')
    expect(capacity).toBeUndefined()
  })

  it.each([
    ['beside handlers', 'export const handlers = { greet() {} }; export const capacity = 5'],
    ['inside the default export', 'export default { handlers: { greet() {} }, capacity: 5 }'],
    ['beside the default export', 'export default { greet() {} }; export const capacity = 5'],
  ])('may ask for a capacity %s', async (_, source) => {
    expect((await load(source)).capacity).toBe(5)
  })

  it('may have a handler of the name handlers', async () => {
    const { handlers } = await load('export default { handlers() {}, other() {} }')
    expect(Object.keys(handlers)).toEqual(['handlers', 'other'])
  })

  it.each([
    ['exports something else', 'export const hanlders = {}', /must export handlers.*it exports hanlders/],
    ['exports nothing', '', /it exports nothing/],
    ['has none', 'export const handlers = {}', /are empty/],
    ['has one that is no function', 'export const handlers = { greet: 5 }', /handlers\["greet"\].*must be a function, got 5/],
    ['asks for an odd capacity', 'export const handlers = { a() {} }; export const capacity = "5"', /capacity.*must be a number/],
    ['throws', 'throw new Error("no database")', /cannot be loaded: no database/],
    ['imports what is not there', 'import "./gone.mjs"', /cannot be loaded/],
  ])('is refused when it %s', async (_, source, reason) => {
    await expect(load(source)).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringMatching(reason) })
  })

  it('is refused when it is not there, with the whole path', async () => {
    await expect(loadHandlers('gone.mjs', directory)).rejects.toThrow(`there is no module "${join(directory, 'gone.mjs')}"`)
    await expect(loadHandlers('.', directory)).rejects.toThrow(/is a directory/)
  })
})

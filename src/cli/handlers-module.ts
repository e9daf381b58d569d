/**
 * The user's module with handlers: finds it, loads it (TypeScript too, where something can), and says what is wrong with it.
 * Knows no runtime.
 */
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MemorySyncError, messageOf, quote } from '../domain/errors.ts'
import type { Handler, Handlers } from '../runtime/handlers.ts'

export interface HandlersModule {
  readonly handlers: Handlers
  /** What the module asks for, if it does. */
  readonly capacity?: number
}

/** @throws `invalid_option` naming the path and what was expected of it. */
export async function loadHandlers(path: string, cwd: string): Promise<HandlersModule> {
  const file = resolve(cwd, path)
  if (!existsSync(file)) throw invalid(`there is no module ${quote(file)}`)
  if (statSync(file).isDirectory()) throw invalid(`${quote(file)} is a directory; name the module's file`)
  const exported = await load(file)
  return handlersOf(exported, file)
}

async function load(file: string): Promise<Readonly<Record<string, unknown>>> {
  const url = pathToFileURL(file).href
  try {
    return await import(url)
  } catch (thrown) {
    if (!needsLoader(thrown)) throw loadFailed(file, thrown)
    await registerTsx(file, thrown)
  }
  try {
    // Under another name: Node remembers that it could not load this one.
    return await import(`${url}?tsx`)
  } catch (thrown) {
    throw loadFailed(file, thrown)
  }
}

/** Node without type stripping, and no loader was given on its command line. */
function needsLoader(thrown: unknown): boolean {
  return (thrown as NodeJS.ErrnoException | undefined)?.code === 'ERR_UNKNOWN_FILE_EXTENSION'
}

/** tsx as the module's own project has it: importing it registers it. */
async function registerTsx(file: string, cause: unknown): Promise<void> {
  let path: string
  try {
    path = createRequire(file).resolve('tsx')
  } catch {
    throw new MemorySyncError(
      'invalid_option',
      `this Node cannot load ${quote(file)}: install tsx in its project (npm install --save-dev tsx), use Node 22.18 or newer, or give a .js module`,
      { cause },
    )
  }
  await import(pathToFileURL(path).href)
}

function loadFailed(file: string, thrown: unknown): MemorySyncError {
  // The error itself does not know where; Node tells it only when it ends a process.
  const advice = thrown instanceof SyntaxError ? ' (node --check tells where)' : ''
  return new MemorySyncError('invalid_option', `${quote(file)} cannot be loaded: ${messageOf(thrown)}${advice}`, {
    cause: thrown,
  })
}

function handlersOf(exported: Readonly<Record<string, unknown>>, file: string): HandlersModule {
  const main = unwrapped(exported)
  const given = isObject(exported.handlers)
    ? exported
    : isObject(main) && isObject(main.handlers)
      ? main
      : { handlers: main, capacity: exported.capacity }
  const { handlers, capacity } = given
  if (!isObject(handlers)) {
    const names = Object.keys(exported).join(', ')
    throw invalid(
      `${quote(file)} must export handlers, or have them as its default export: { [type]: async (task) => output }; it exports ${names === '' ? 'nothing' : names}`,
    )
  }
  const entries = Object.entries(handlers)
  if (entries.length === 0) throw invalid(`the handlers of ${quote(file)} are empty`)
  for (const [type, handler] of entries) {
    if (typeof handler !== 'function')
      throw invalid(`handlers[${quote(type)}] of ${quote(file)} must be a function, got ${quote(handler)}`)
  }
  if (capacity !== undefined && typeof capacity !== 'number') {
    throw invalid(`capacity of ${quote(file)} must be a number, got ${quote(capacity)}`)
  }
  const module = { handlers: Object.fromEntries(entries) as Record<string, Handler> }
  return capacity === undefined ? module : { ...module, capacity }
}

/** A TypeScript module that was compiled to CommonJS has its default export one level down. */
function unwrapped(exported: Readonly<Record<string, unknown>>): unknown {
  const main = exported.default
  return isObject(main) && '__esModule' in main && 'default' in main ? main.default : main
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object'
}

function invalid(message: string): MemorySyncError {
  return new MemorySyncError('invalid_option', message)
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: some strings here are sources
/**
 * The plan of the house as data, checked against its sources: who may import whom, which packages are used where, and where
 * time, chance and output come from. A new room, package or exception is a line here, with its reason.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkHouse, type Rules } from './house/check.ts'
import { scan } from './house/scan.ts'

/** The page has a platform of its own: the browser. */
const platform = ['src/platform.ts', 'src/inspector/page/browser.ts']

const rules: Rules = {
  roomByPlace: [
    ['machines/index.ts', 'index'],
    ['src/index.ts', 'index'],
    ['src/testing/index.ts', 'index'],
    ['src/mcp/index.ts', 'index'],
    ['src/inspector/index.ts', 'index'],
    ['src/stores/mcp/index.ts', 'index'],
    ['machines/', 'machines'],
    ['src/domain/', 'domain'],
    ['src/ports/', 'ports'],
    ['src/wire/', 'wire'],
    ['src/stores/', 'stores'],
    ['src/actors/', 'actors'],
    ['src/runtime/', 'runtime'],
    ['src/helpers/', 'helpers'],
    ['src/testing/', 'testing'],
    ['src/http/', 'http'],
    ['src/mcp/', 'mcp'],
    ['src/trace/', 'trace'],
    ['src/inspector/page/vite.config.ts', 'page-build'],
    ['src/inspector/page/third-party-notices.ts', 'page-build'],
    ['src/inspector/page/', 'page'],
    ['src/inspector/', 'inspector'],
    ['src/cli/', 'cli'],
    ['src/platform.ts', 'platform'],
    ['src/memory-sync-manager.ts', 'facade'],
    ['src/facade/', 'facade'],
  ],

  rooms: {
    domain: { imports: [] },
    ports: { imports: ['domain'] },
    wire: { imports: ['domain', 'ports'], packages: ['zod'] },
    stores: {
      imports: ['domain', 'ports', 'wire'],
      packages: {
        lmdb: ['src/stores/'],
        esbuild: ['src/stores/file/thread-program.ts'],
        '@modelcontextprotocol/sdk': ['src/stores/mcp/'],
        zod: ['src/stores/mcp/'],
      },
      node: 'any',
    },
    machines: { imports: ['domain'], packages: ['xstate'] },
    actors: { imports: ['machines', 'ports', 'domain'], packages: ['xstate'] },
    // Which of its files may assemble things is said by `importersByPlace`.
    runtime: {
      imports: ['actors', 'machines', 'ports', 'domain', 'wire', 'stores', 'trace', 'platform'],
      packages: { xstate: ['src/runtime/'], 'lru-cache': ['src/runtime/cache.ts'], zod: ['src/runtime/options.ts'] },
    },
    // They state what they need of a manager themselves; the system's clock and chance are only their defaults.
    helpers: { imports: ['actors', 'ports', 'domain', 'platform'], packages: ['xstate'] },
    facade: {
      imports: ['runtime', 'actors', 'ports', 'domain', 'wire', 'stores', 'platform'],
      packages: { zod: ['src/facade/options.ts'] },
      node: ['node:events'],
    },
    // What all servers of the package ask of who speaks to them.
    http: { imports: ['ports', 'domain'], node: 'any' },
    // What it serves is a runtime; how it is reached is its own.
    mcp: {
      imports: ['runtime', 'http', 'machines', 'ports', 'domain', 'wire'],
      packages: ['@modelcontextprotocol/sdk', 'hono', '@hono/node-server', 'zod'],
      node: 'any',
    },
    // What happens to actors, as records: it states what it needs of a runtime itself. A process serves its own over plain HTTP.
    trace: { imports: ['http', 'ports', 'domain', 'wire'], packages: ['xstate', 'zod'], node: 'any' },
    inspector: {
      imports: ['page-build', 'runtime', 'trace', 'http', 'machines', 'ports', 'domain', 'wire'],
      packages: {
        zod: ['src/inspector/'],
        xstate: ['src/inspector/stately-bridge.ts'],
        vite: ['src/inspector/page-build.ts'],
      },
      node: 'any',
    },
    // Runs in Node, before there is a page.
    'page-build': { imports: [], packages: ['vite'], node: ['node:fs', 'node:url'] },
    // Runs in browsers, and knows the server by the shapes that it sends.
    page: { imports: ['domain', 'wire'], packages: ['preact', '@preact/signals', 'elkjs', 'uplot'] },
    // Real turns of the event loop come from the platform; checks are Node's own, so that any test runner can run them.
    testing: { imports: ['runtime', 'ports', 'domain', 'wire', 'platform'], node: ['node:assert', 'node:assert/strict'] },
    cli: {
      imports: [
        'facade',
        'mcp',
        'inspector',
        'page',
        'trace',
        'runtime',
        'actors',
        'machines',
        'stores',
        'ports',
        'domain',
        'wire',
        'platform',
      ],
      packages: ['commander', '@clack/prompts', 'zod'],
      node: 'any',
    },
    platform: { imports: ['ports'], node: 'any' },
    // What the package offers: lists of exports, nothing else.
    index: {
      imports: [
        'facade',
        'helpers',
        'mcp',
        'inspector',
        'trace',
        'runtime',
        'machines',
        'stores',
        'testing',
        'ports',
        'domain',
        'wire',
        'platform',
      ],
    },
  },

  loadersOfUserCode: ['src/cli/handlers-module.ts'],

  importersByPlace: {
    'src/cli/': ['src/cli/'],
    // What the page knows of session files is true in Node, too.
    'src/inspector/page/': ['src/inspector/', 'src/cli/recorded-session.ts'],
    'src/stores/open.ts': ['src/cli/', 'src/runtime/create-runtime.ts', 'src/memory-sync-manager.ts'],
    'src/stores/': [
      'src/stores/',
      'src/cli/',
      'src/index.ts',
      'src/runtime/create-runtime.ts',
      'src/runtime/create-store.ts',
      'src/runtime/create-mcp-store.ts',
      'src/memory-sync-manager.ts',
    ],
    'src/platform.ts': [
      'src/cli/',
      'src/helpers/',
      'src/index.ts',
      'src/memory-sync-manager.ts',
      'src/runtime/create-runtime.ts',
      'src/runtime/create-store.ts',
      'src/runtime/create-mcp-store.ts',
      'src/testing/virtual-clock.ts',
    ],
  },

  twins: [{ place: 'src/actors/', of: 'machines/', shared: ['machines/effect.ts'] }],

  forbiddenNames: [
    { what: 'real time', pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)/g, allowedIn: platform },
    { what: 'real time', pattern: /(?<![.\w$])performance\s*\.|\bprocess\s*\.\s*(?:hrtime|uptime)\b/g, allowedIn: platform },
    {
      what: 'a real timer',
      // A member of that name, declared or given, is none.
      pattern:
        /(?<![.\w$])(?:setTimeout|setInterval|setImmediate)\b(?!\s*\??:)|\bAbortSignal\s*\.\s*timeout\b|\bglobalThis\s*\.\s*set(?:Timeout|Interval|Immediate)\b/g,
      allowedIn: platform,
    },
    // An exiting process has no event loop left to wait with.
    { what: 'a real timer', pattern: /\bAtomics\s*\.\s*wait\b/g, allowedIn: ['src/stores/file/thread-gate.ts'] },
    {
      what: 'real chance',
      pattern: /\bMath\s*\.\s*random\b|\b(?:randomUUID|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)\b/g,
      allowedIn: platform,
    },
    {
      what: 'output',
      pattern: /(?<![.\w$])console\s*\.|\bprocess\s*\.\s*(?:stdout|stderr)\b/g,
      allowedIn: ['src/platform.ts', 'src/cli/'],
    },
    {
      what: 'the outside world',
      pattern: /(?<![.\w$])(?:process|fetch|console|globalThis|queueMicrotask|WebSocket|Buffer)\b(?!\s*\??:)/g,
      allowedIn: [],
      only: ['machines/'],
    },
  ],
}

function sourcesOfHouse(): Map<string, string> {
  const top = new URL('..', import.meta.url)
  const sources = new Map<string, string>()
  for (const folder of ['machines', 'src']) {
    for (const name of readdirSync(new URL(folder, top), { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${name.replaceAll('\\', '/')}`
      if (/\.tsx?$/.test(path)) sources.set(path, readFileSync(new URL(path, top), 'utf8'))
    }
  }
  return sources
}

/** The faults of planted files, which are given the header that every file needs. */
function faultsOf(planted: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(planted).map(([path, source]) => [path, `/** x */ ${source}`] as const)
  return checkHouse(new Map(sources), rules)
}

describe('the house', () => {
  it('is built as planned', () => {
    const sources = sourcesOfHouse()
    expect(sources.size).toBeGreaterThan(20)
    expect(checkHouse(sources, rules)).toEqual([])
  })

  it('has a room for every name in its own table', () => {
    const rooms = new Set(Object.keys(rules.rooms))
    for (const [place, room] of rules.roomByPlace) expect(rooms.has(room), place).toBe(true)
    for (const room of Object.values(rules.rooms)) for (const name of room.imports) expect(rooms.has(name), name).toBe(true)
  })
})

const end = 'export const x = 1'

describe('the check of the house', () => {
  it('finds nothing wrong with imports that are allowed', () => {
    expect(
      faultsOf({
        'src/domain/a.ts': `import { x } from './b.ts'`,
        'src/domain/b.ts': end,
        'src/ports/p.ts': `import type { x } from '../domain/b.ts'`,
        'machines/task.ts': `import { setup } from 'xstate'\nimport { x } from '../src/domain/b.ts'`,
        'src/actors/task.ts': `import { x } from '../../machines/task.ts'\nimport { fromPromise } from 'xstate/actors'`,
        'src/runtime/cache.ts': `import { LRUCache } from 'lru-cache'`,
        'src/stores/open.ts': end,
        'src/stores/file.ts': `const lmdb = await import('lmdb')\nimport { Worker } from 'node:worker_threads'`,
        'src/runtime/create-runtime.ts': `const { x } = await import('../stores/open.ts')\nimport { y } from '../platform.ts'`,
        'src/runtime/b.ts': `const data = new URL('../../package.json', import.meta.url)`,
        'src/platform.ts': `const x = Date.now() + Math.random()`,
        'src/cli/main.ts': `import { Command } from 'commander'\nconsole.log(1)`,
      }),
    ).toEqual([])
  })

  it.each([
    ['a room above', 'src/domain/a.ts', `import { x } from '../ports/b.ts'`, 'domain may not import ports'],
    ['a type from a room above', 'src/domain/a.ts', `import type { x } from '../ports/b.ts'`, 'domain may not import ports'],
    ['an export from a room above', 'src/ports/a.ts', `export * from '../runtime/b.ts'`, 'ports may not import runtime'],
    ['several lines', 'src/ports/a.ts', `export {\n  x,\n  type y\n} from\n  "../runtime/b.ts"`, 'ports may not import runtime'],
    ['an import for its effect', 'src/wire/a.ts', `import '../runtime/b.ts'`, 'wire may not import runtime'],
    ['an import at run time', 'src/wire/a.ts', `const x = await import(\n'../runtime/b.ts')`, 'wire may not import runtime'],
    ['a type in place', 'src/wire/a.ts', `let x: import('../runtime/b.ts').x`, 'wire may not import runtime'],
    ['a thread', 'src/wire/a.ts', `new Worker(new URL('../runtime/b.ts', import.meta.url))`, 'wire may not import runtime'],
    ['a built thread', 'src/wire/a.ts', `new URL('../runtime/b.js', import.meta.url)`, 'wire may not import runtime'],
    ['a computed import', 'src/wire/a.ts', `await import(name)`, 'cannot be checked'],
    ['a template', 'src/wire/a.ts', 'await import(`../runtime/${name}.ts`)', 'cannot be checked'],
    ['an actor in a chart', 'machines/a.ts', `import { x } from '../src/actors/b.ts'`, 'machines may not import actors'],
    ['a port in a chart', 'machines/a.ts', `import { x } from '../src/ports/b.ts'`, 'machines may not import ports'],
    ['files in a chart', 'machines/a.ts', `import fs from 'node:fs'`, 'may not use this module of Node'],
    ['another actor’s chart', 'src/actors/a.ts', `import { x } from '../../machines/b.ts'`, 'only its own'],
    ['xstate in a rule', 'src/domain/a.ts', `import { setup } from 'xstate'`, 'domain may not use this package'],
    ['lru-cache elsewhere', 'src/runtime/a.ts', `import { LRUCache } from 'lru-cache'`, 'only src/runtime/cache.ts'],
    ['lmdb elsewhere', 'src/runtime/a.ts', `const lmdb = await import('lmdb')`, 'runtime may not use this package'],
    ['zod in a rule', 'src/domain/a.ts', `import { z } from 'zod'`, 'domain may not use this package'],
    ['commander elsewhere', 'src/runtime/a.ts', `import { Command } from 'commander'`, 'runtime may not use this package'],
    ['a scoped package', 'src/runtime/a.ts', `import { text } from '@clack/prompts'`, 'runtime may not use this package'],
    ['a test runner', 'src/testing/a.ts', `import { it } from 'vitest'`, 'testing may not use this package'],
    ['Node’s test runner', 'src/testing/a.ts', `import { it } from 'node:test'`, 'may not use this module of Node'],
    ['the package itself', 'src/runtime/a.ts', `import { x } from 'memory-sync'`, 'runtime may not use this package'],
    ['an index', 'src/runtime/a.ts', `import { x } from './index.ts'`, 'nobody inside imports an index'],
    ['the bin', 'src/runtime/a.ts', `import { x } from '../cli/b.ts'`, 'only src/cli/'],
    ['opening a store', 'src/runtime/a.ts', `import { x } from '../stores/open.ts'`, 'may import src/stores/open.ts'],
    ['a store', 'src/runtime/a.ts', `import { x } from '../stores/b.ts'`, 'may import src/stores/'],
    ['the platform', 'src/actors/a.ts', `import { x } from '../platform.ts'`, 'may import src/platform.ts'],
    ['a missing file', 'src/runtime/a.ts', `import { x } from './gone.ts'`, 'no such source'],
    ['a missing extension', 'src/runtime/a.ts', `import { x } from './b'`, 'no such source'],
    ['an unknown room', 'src/utils/a.ts', end, 'belongs to no room'],
  ])('finds %s', (_, path, source, reason) => {
    const others = ['src/ports/b.ts', 'src/runtime/b.ts', 'src/runtime/index.ts', 'src/actors/b.ts', 'machines/b.ts']
    const stores = ['src/cli/b.ts', 'src/stores/open.ts', 'src/stores/b.ts', 'src/platform.ts']
    const house = Object.fromEntries([...others, ...stores].map((other) => [other, end]))
    const faults = faultsOf({ ...house, [path]: source })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(reason)
    expect(faults[0]).toContain(path)
  })

  it.each([
    ['Date.now()', 'real time'],
    ['new Date()', 'real time'],
    ['performance.now()', 'real time'],
    ['process.hrtime.bigint()', 'real time'],
    ['setTimeout(run, 5)', 'a real timer'],
    ['const later = setImmediate', 'a real timer'],
    ['globalThis.setInterval', 'a real timer'],
    ['AbortSignal.timeout(5)', 'a real timer'],
    ['Math.random()', 'real chance'],
    ['crypto.randomUUID()', 'real chance'],
    ['console.log(1)', 'output'],
    ['process.stdout.write("x")', 'output'],
    ['`a ${Date.now()} b`', 'real time'],
    ['new Date(ms)', null],
    ['clock.setTimeout(run)', null],
    ['({ setTimeout: run })', null],
    ['// Date.now()', null],
    ['"Date.now()"', null],
    ['`Math.random() ${x} Date.now()`', null],
    ['/Date.now()/', null],
  ])('outside the platform file, judges %s', (statement, what) => {
    const faults = faultsOf({ 'src/runtime/a.ts': `${statement}\n${end}` })
    if (what === null) expect(faults).toEqual([])
    else expect(faults).toEqual([expect.stringContaining(`src/runtime/a.ts:1: uses ${what}`)])
    expect(faultsOf({ 'src/platform.ts': `${statement}\n${end}` })).toEqual([])
  })

  it('finds a file that does not begin by saying what it owns', () => {
    const check = (source: string) => checkHouse(new Map([['machines/a.ts', source]]), rules)
    expect(check(`/** Owns a. */\n${end}`)).toEqual([])
    expect(check(`#!/usr/bin/env node\n/** Owns a. */\n${end}`)).toEqual([])
    for (const source of [end, `// Owns a.\n${end}`, `import 'xstate'\n/** Late. */`]) {
      expect(check(source)).toEqual([expect.stringContaining('does not begin with a comment')])
    }
  })

  it('finds a chart that reaches for the outside world', () => {
    for (const name of ['process.env', 'fetch("x")', 'queueMicrotask(f)']) {
      expect(faultsOf({ 'machines/a.ts': name })).toEqual([expect.stringContaining('the outside world')])
    }
    expect(faultsOf({ 'machines/a.ts': 'const states = { process: {} }; actions.fetch()' })).toEqual([])
  })

  it('finds cycles, also those of types, and names the way round', () => {
    const faults = faultsOf({
      'src/domain/a.ts': `import { x } from './b.ts'`,
      'src/domain/b.ts': `import type { x } from './c.ts'`,
      'src/domain/c.ts': `export { x } from './a.ts'`,
      'src/domain/d.ts': `import { x } from './d.ts'`,
      'src/domain/e.ts': `import { x } from './a.ts'`,
    })
    expect(faults).toEqual([
      'import cycle: src/domain/a.ts -> src/domain/b.ts -> src/domain/c.ts -> src/domain/a.ts',
      'import cycle: src/domain/d.ts -> src/domain/d.ts',
    ])
  })
})

describe('reading sources', () => {
  it('takes no import from comments, strings, templates and regular expressions, and loses none behind them', () => {
    const source = [
      `// import { a } from './comment.ts'`,
      `/* import './comment.ts' */`,
      `const text = "import { a } from './text.ts'" + 'it\\'s import "./text.ts"'`,
      'const template = `import "./template.ts" ${`nested ${{ a: "}" }.a} import "./nested.ts"`} import("./after.ts")`',
      `const quotes = /['"\`]/g, ratio = a / b / c, slash = /[/'"]/`,
      `if (x) return /"/.test(y)`,
      `import { real } from './real.ts'`,
      `export const from = 'nowhere', imported = object.import('./method.ts')`,
      `import type Default, { type A } from "./default.ts"`,
      `export type * as names from './names.ts'`,
    ].join('\n')
    const found = scan(source).imports.map(({ specifier, line }) => `${specifier} ${line}`)
    expect(found.toSorted()).toEqual(['./default.ts 9', './names.ts 10', './real.ts 7'])
  })

  it('keeps lines and columns of what it blanks', () => {
    const source = 'a /* x\ny */ "b\\"c" // d\n`e ${f} g`'
    const { code, lineOf } = scan(source)
    expect(code).toBe('a     \n     "    "     \n`  ${f}  `')
    expect(lineOf(source.indexOf('f'))).toBe(3)
  })
})

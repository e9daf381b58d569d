/**
 * The packed package in an empty folder: what `npm install memory-sync` gives a stranger. Imports every entry point in plain
 * Node (the one that runs this, and Node 22), runs a task, runs the bin, and checks the manifest with publint. What needs optional
 * packages says so before they are installed, and works afterwards.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'memory-sync-package-'))

const check = `
import assert from 'node:assert/strict'
import { createRuntime, MemorySyncError } from 'memory-sync'
import * as machines from 'memory-sync/machines'
import * as testing from 'memory-sync/testing'
assert.ok(machines.taskMachine.config.states.processing)
assert.ok(Array.isArray(testing.storeContract))
for (const store of ['memory:', 'file:' + process.argv[2], ...process.argv.slice(3)]) {
  const runtime = createRuntime({ store })
  runtime.spawnWorker({ handlers: { greet: async (task) => 'hello ' + task.input } })
  const task = await runtime.submit({ type: 'greet', input: store })
  assert.equal(await task.result(), 'hello ' + store)
  await runtime.shutdown()
}
assert.throws(() => createRuntime({ stroe: 'x' }), MemorySyncError)
console.log('package ok on node ' + process.version)
`

try {
  run('npm', ['run', 'build'], root)
  run('npx', ['publint', '--strict'], root)
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `./${packed.filename}`], folder)
  writeFileSync(join(folder, 'check.mjs'), check)
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/memory-sync/package.json'), 'utf8'))
  const bin = 'node_modules/.bin/memory-sync'
  const alone = spawnSync(process.execPath, [bin, 'serve', '--store', 'memory:'], { cwd: folder, encoding: 'utf8' })
  assert.match(alone.stderr, /npm install @modelcontextprotocol\/sdk/)
  assert.equal(alone.status, 2)
  const nodes = [process.execPath, node22()]
  for (const [index, node] of nodes.entries()) {
    console.log(run(node, ['check.mjs', join(folder, `alone-${index}`)], folder).trim())
  }
  const optional = Object.entries(manifest.peerDependencies).map(([name, range]) => `${name}@${range}`)
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...optional], folder)
  for (const [index, node] of nodes.entries()) {
    for (const entry of Object.keys(manifest.exports)) {
      const name = `memory-sync${entry.slice(1)}`
      const options = entry.endsWith('.json') ? ", { with: { type: 'json' } }" : ''
      run(node, ['--input-type=module', '-e', `await import(${JSON.stringify(name)}${options})`], folder)
    }
    const served = `mcp+stdio:${node} ${bin} serve --store file:${join(folder, `served-${index}`)}`
    console.log(`${run(node, ['check.mjs', join(folder, `store-${index}`), served], folder).trim()}, over MCP too`)
    const version = run(node, [bin, '--version'], folder).trim()
    assert.equal(version, manifest.version)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** A second Node from a registry package that carries its binary. */
function node22(): string {
  const home = join(folder, 'node22')
  const name = `node-${process.platform}-${process.arch}`
  run('npm', ['install', '--prefix', home, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@22`], folder)
  return join(home, 'node_modules', name, 'bin/node')
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1' },
  })
}

/** The guide's quick start with the default store, in two processes of one project: each sees what the other writes. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = new URL('../guide/', import.meta.url).pathname

function start(script: string, cwd: string) {
  const { MEMORY_SYNC_STORE: _, ...env } = process.env
  return fork(join(folder, script), [], {
    cwd,
    env,
    execArgv: ['--conditions=memory-sync:source', '--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

test('what one terminal writes the other reads and hears of, and the directory is the project’s', async () => {
  const project = mkdtempSync(join(tmpdir(), 'memory-sync-quick-start-'))
  try {
    writeFileSync(join(project, 'package.json'), '{}')
    mkdirSync(join(project, 'src'))
    const watcher = start('terminal.ts', join(project, 'src'))
    const told: unknown[] = []
    watcher.on('message', (message) => told.push(message))
    await once(watcher, 'message')
    const first = start('snippets/quick-start.ts', project)
    await once(watcher, 'message')
    expect(told).toEqual(['ready', { 'worker-1': { state: 'active', tasks: [], capacity: 10 } }])
    expect(existsSync(join(project, '.memory-sync', 'format.json'))).toBe(true)
    // The quick start never ends: its heartbeat keeps it alive.
    expect(first.exitCode).toBeNull()
    first.kill('SIGKILL')
    watcher.send('end')
    expect((await once(watcher, 'exit'))[0]).toBe(0)
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
})

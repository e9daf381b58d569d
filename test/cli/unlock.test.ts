import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/ports/logger.ts'
import { createRuntime } from '../../src/runtime/create-runtime.ts'
import { fileStore } from '../../src/runtime/create-store.ts'
import { CommandLine } from './command-line.ts'

const cli = new CommandLine()

describe('unlock', () => {
  it('tells who has a lock, and frees it only by force', async () => {
    const store = fileStore({ directory: cli.path('store') })
    await using runtime = createRuntime({ store, logger: silentLogger, workerId: 'holder' })
    await runtime.ready()
    expect(await cli.run(['unlock', 'nightly'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/not_found.*never taken/),
    })
    expect(await cli.run(['unlock', 'nightly', '--force'])).toMatchObject({ code: 3 })

    const lock = await runtime.lock('nightly')
    expect(lock?.epoch).toBe(1)
    expect(await cli.run(['unlock', 'nightly'])).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringMatching(/^memory-sync: conflict: lock "nightly" is held by "holder" under epoch 1; .* add --force/),
    })
    expect(lock?.isHeld).toBe(true)
    const lost = new Promise((resolve) => lock?.signal.addEventListener('abort', resolve))
    expect(await cli.run(['unlock', 'nightly', '--force'])).toMatchObject({
      code: 0,
      stdout: 'lock "nightly" is free: taken from holder, the epoch is 2 now\n',
    })
    await lost
    expect(lock?.isHeld).toBe(false)
    const free = await cli.run(['unlock', 'nightly', '--json'])
    expect(JSON.parse(free.stdout)).toEqual({
      key: 'task-sentinel/locks/nightly',
      owner: null,
      incarnation: null,
      epoch: 2,
      leaseLeftMs: 0,
    })

    await runtime.inside.locks.acquire(runtime.inside.keys.task('t1', 'lock'))
    const freed = await cli.run(['unlock', '--task', 't1', '--force', '--json'])
    expect(JSON.parse(freed.stdout)).toEqual({ key: 'task-sentinel/tasks/t1/lock', epoch: 2, takenFrom: 'holder' })
    await runtime.shutdown()
    await store.close()
  })
})

/** Tasks that wait for tasks. */
import { describe, expect, test } from 'vitest'
import type { TaskSpec } from '../../src/runtime/task-spec.ts'
import { hangs, world } from './harness.ts'

function setting() {
  const made = world()
  const { join, run } = made
  const { runtime } = join()
  const ran: string[] = []
  const submit = (id: string, more: Partial<TaskSpec> = {}) => run(runtime.submit({ id, type: 'x', ...more }))
  const work = () =>
    runtime.spawnWorker({
      capacity: 10,
      handlers: {
        x: (task) => {
          ran.push(task.id)
          return task.id
        },
        fails: (task) => {
          ran.push(task.id)
          throw new Error('no')
        },
        hangs,
      },
    })
  return { ...made, runtime, ran, submit, work }
}

describe('dependencies', () => {
  test.each(['before', 'after'])('run in a chain, the worker being there %s the tasks', async (when) => {
    const { run, submit, work, ran } = setting()
    if (when === 'before') work()
    const c = await submit('c', { dependsOn: ['b'] })
    await submit('b', { dependsOn: ['a'] })
    await submit('a')
    if (when === 'after') work()
    await run(c.result())
    expect(ran).toEqual(['a', 'b', 'c'])
  })

  test('join again in a diamond: the last runs once, after both', async () => {
    const { run, submit, work, ran } = setting()
    work()
    await submit('top', { delayMs: 100 })
    await submit('left', { dependsOn: ['top'] })
    await submit('right', { dependsOn: ['top'], delayMs: 500 })
    const bottom = await submit('bottom', { dependsOn: ['left', 'right', 'left'] })
    await run(bottom.result())
    expect(ran).toEqual(['top', 'left', 'right', 'bottom'])
  })

  test('are met across processes', async () => {
    const { join, run } = world()
    const [one, two] = [join().runtime, join().runtime]
    const ran: string[] = []
    one.spawnWorker({ handlers: { even: (task) => void ran.push(task.id) } })
    two.spawnWorker({ handlers: { odd: (task) => void ran.push(task.id) } })
    let last = await run(one.submit({ id: 't0', type: 'even' }))
    for (let index = 1; index < 10; index++) {
      const runtime = index % 3 === 0 ? one : two
      last = await run(runtime.submit({ id: `t${index}`, type: index % 2 ? 'odd' : 'even', dependsOn: [`t${index - 1}`] }))
    }
    await run(last.result())
    expect(ran).toEqual(Array.from({ length: 10 }, (_, index) => `t${index}`))
  })

  test('that fail make what waits for them fail, and so on down the line', async () => {
    const { submit, work, ran, refused, run, runtime } = setting()
    work()
    await submit('a', { type: 'fails', maxAttempts: 1, delayMs: 50 })
    await submit('b', { dependsOn: ['a'] })
    const c = await submit('c', { dependsOn: ['b'] })
    const error = await refused(c.result())
    expect(error.code).toBe('task_failed')
    expect(error.cause).toMatchObject({ name: 'DependencyFailed' })
    expect(error.message).toContain('task b did not complete')
    expect((await run(runtime.task('b').record()))?.error).toMatchObject({ reason: 'dependency_failed' })
    expect((await run(runtime.task('b').record()))?.attempts).toBe(0)
    expect(ran).toEqual(['a'])
  })

  test('that are cancelled do the same', async () => {
    const { submit, work, refused, runtime, run, until } = setting()
    work()
    const a = await submit('a', { type: 'hangs' })
    const b = await submit('b', { dependsOn: ['a'] })
    await until(a, 'processing')
    const failing = refused(b.result())
    await run(a.send({ type: 'task.cancel' }))
    expect((await failing).message).toContain('task a did not complete')
    expect((await run(runtime.explain('b'))).state).toBe('failed')
  })

  test("that fail are no obstacle with onDependencyFailure 'run'", async () => {
    const { submit, work, run, ran } = setting()
    work()
    await submit('a', { type: 'fails', maxAttempts: 1, delayMs: 50 })
    await submit('b', { delayMs: 100 })
    const c = await submit('c', { dependsOn: ['a', 'b'], onDependencyFailure: 'run' })
    await run(c.result())
    expect(ran).toEqual(['a', 'b', 'c'])
  })

  test('that ended before the submit count', async () => {
    const { submit, work, run, refused, ran } = setting()
    work()
    const a = await submit('a')
    await run(a.result())
    const bad = await submit('bad', { type: 'fails', maxAttempts: 1 })
    await refused(bad.result())
    expect(await run((await submit('b', { dependsOn: ['a'] })).result())).toBe('b')
    await refused((await submit('c', { dependsOn: ['a', 'bad'] })).result())
    expect(await run((await submit('d', { dependsOn: ['bad'], onDependencyFailure: 'run' })).result())).toBe('d')
    expect(ran).toEqual(['a', 'bad', 'b', 'd'])
  })

  test('that nobody has heard of block, are named, and are waited for', async () => {
    const { submit, work, run, clock, runtime } = setting()
    work()
    const b = await submit('b', { dependsOn: ['a'] })
    await clock.advance(3600_000)
    const explained = await run(runtime.explain('b'))
    expect(explained.state).toBe('blocked')
    expect(explained.reason).toBe('waits for a (unknown)')
    expect(explained.dependencies).toEqual([{ id: 'a', status: 'unknown' }])
    await submit('a')
    expect(await run(b.result())).toBe('b')
  })

  test('that would close a cycle are refused', async () => {
    const { submit, refused, runtime } = setting()
    await submit('a', { dependsOn: ['b'] })
    await submit('b', { dependsOn: ['c', 'x', 'y'] })
    for (const dependsOn of [['a'], ['b'], ['z', 'a']]) {
      const error = await refused(runtime.submit({ id: 'c', type: 'x', dependsOn }))
      expect(error.code).toBe('invalid_option')
      expect(error.message).toContain('cycle')
      expect(error.message).toContain('"c"')
    }
    expect((await refused(runtime.submit({ id: 'd', type: 'x', dependsOn: ['d'] }))).message).toContain('wait for itself')
  })

  test('are waited for together with a delay, in whatever order the two are over', async () => {
    const { submit, work, run, clock, ran } = setting()
    work()
    const startedMs = clock.monotonicMs()
    await submit('soon', { delayMs: 100 })
    await submit('late', { delayMs: 2000 })
    const a = await submit('a', { dependsOn: ['soon'], delayMs: 1000 })
    await run(a.result())
    expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(1000)
    const b = await submit('b', { dependsOn: ['late'], delayMs: 10 })
    await run(b.result())
    expect(ran).toEqual(['soon', 'a', 'late', 'b'])
  })

  test('stay met over a retry', async () => {
    const { join, run } = world()
    const { runtime } = join()
    runtime.spawnWorker({
      handlers: {
        x: (task) => {
          if (task.attempt < 3 && task.id === 'b') throw new Error('again')
          return task.attempt
        },
      },
    })
    await run(runtime.submit({ id: 'a', type: 'x' }))
    expect(await run((await run(runtime.submit({ id: 'b', type: 'x', dependsOn: ['a'] }))).result())).toBe(3)
  })

  test('of a hundred tasks on each other are all met', async () => {
    const { submit, work, run, ran } = setting()
    work()
    for (let index = 0; index < 100; index++) {
      const dependsOn = [index - 1, index - 2, index - 7].filter((other) => other >= 0).map((other) => `t${other}`)
      await submit(`t${index}`, { dependsOn })
    }
    const last = await submit('last', { dependsOn: Array.from({ length: 100 }, (_, index) => `t${index}`) })
    await run(last.result())
    expect(ran).toEqual([...Array.from({ length: 100 }, (_, index) => `t${index}`), 'last'])
  })
})

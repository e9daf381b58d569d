/** Whoever gives tasks over MCP and follows them: submits, reads, lists, explains, cancels. */
import { describe, expect, test } from 'vitest'
import { always } from '../../src/domain/write.ts'
import { recordsReadMax } from '../../src/mcp/tools/tasks.ts'
import { type Answer, claim, claimed, statusOf, submit, twoClients } from './tool-harness.ts'

describe('task_submit and task_get', () => {
  test('a task that one client gives another one does, and the first reads what it gave', async () => {
    const { first, second, audit } = await twoClients()
    expect(await submit(first, 'a', { input: { page: 1 } })).toEqual({ id: 'a', type: 'review', status: 'pending' })
    expect(await claimed(second)).toMatchObject({
      id: 'a',
      type: 'review',
      input: { page: 1 },
      attempt: 1,
      epoch: 1,
      leaseMs: 60_000,
    })
    expect(await second.call('task_complete', { id: 'a', output: { verdict: 'good' } })).toEqual({
      id: 'a',
      status: 'completed',
      epoch: 1,
    })
    expect(await first.call('task_get', { id: 'a' })).toMatchObject({
      task: {
        status: 'completed',
        output: { verdict: 'good' },
        owner: expect.stringMatching(/^mcp-second-/),
        input: { page: 1 },
      },
    })
    expect(audit.map(({ client, tool, subject }) => `${client} ${tool} ${subject}`)).toEqual([
      'first task_submit a',
      'second task_claim *',
      'second task_complete a',
    ])
  })

  test('the same id again gives the same task, and submits nothing', async () => {
    const { first } = await twoClients()
    await submit(first, 'a')
    await claimed(first)
    expect(await submit(first, 'a', { type: 'other' })).toEqual({ id: 'a', type: 'review', status: 'processing' })
  })

  test('a task without an id gets one', async () => {
    const { first } = await twoClients()
    const { id } = await first.call('task_submit', { type: 'review' })
    expect((await claimed(first)).id).toBe(id)
  })

  test('delay, priority, attempts and dependencies are those of any task', async () => {
    const { first, clock } = await twoClients()
    await submit(first, 'low')
    await submit(first, 'high', { priority: 5 })
    await submit(first, 'late', { delayMs: 60_000, priority: 9 })
    await submit(first, 'after', { dependsOn: ['low'], priority: 9, maxAttempts: 1, onDependencyFailure: 'run' })
    expect((await claimed(first)).id).toBe('high')
    expect((await claimed(first)).id).toBe('low')
    expect((await claim(first)).task).toBe(null)
    await first.call('task_fail', { id: 'low', message: 'illegible', isFinal: true })
    expect((await claimed(first, { waitMs: 5000 })).id).toBe('after')
    await clock.advance(60_000)
    expect((await claimed(first, { waitMs: 5000 })).id).toBe('late')
  })

  test('a task that there is not is no error to read, and one to explain or cancel', async () => {
    const { first } = await twoClients()
    expect(await first.call('task_get', { id: 'nobody' })).toEqual({ task: null })
    for (const tool of ['task_explain', 'task_cancel', 'task_replay', 'task_complete']) {
      const refusal = await first.refused(tool, { id: 'nobody' })
      expect(refusal.code).toBe('invalid_key')
      expect(refusal.message).toContain('"nobody"')
    }
  })

  test.each([
    [{ id: 'a/b' }, 'invalid_key'],
    [{ type: '' }, 'invalid_key'],
    [{ dependsOn: ['a'], id: 'a' }, 'invalid_option'],
    [{ input: 'x'.repeat(600_000) }, 'too_large'],
    [{ maxAttempts: 0 }, 'invalid_option'],
    [{ delayMs: -1 }, 'invalid_option'],
  ])('task_submit does not take %o', async (input, code) => {
    const { first } = await twoClients()
    expect((await first.refused('task_submit', { type: 'review', ...input })).code).toBe(code)
    expect((await first.call<{ tasks: [] }>('task_list')).tasks).toEqual([])
  })
})

describe('task_cancel', () => {
  test('calls off a pending task at once', async () => {
    const { first } = await twoClients()
    await submit(first, 'a')
    const cancelled = { id: 'a', status: 'cancelled', cancelRequested: 'changed my mind' }
    expect(await first.call('task_cancel', { id: 'a', reason: 'changed my mind' })).toEqual(cancelled)
    expect(await first.call('task_cancel', { id: 'a', reason: 'again' })).toEqual(cancelled)
  })

  test('calls off a task that somebody works on, who is told with the next word', async () => {
    const { first, second, clock } = await twoClients()
    await submit(first, 'a')
    await claimed(second)
    await first.call('task_cancel', { id: 'a', reason: 'changed my mind' })
    await clock.advance(100)
    expect(await statusOf(first, 'a')).toBe('cancelled')
    const refusal = await second.refused('task_progress', { id: 'a', percent: 10 })
    expect(refusal.code).toBe('claim_lost')
    expect(refusal.message).toMatch(/it is cancelled: cancelled: changed my mind/)
  })
})

describe('task_list', () => {
  test('gives all tasks page by page, each once', async () => {
    const { first } = await twoClients()
    const ids = ['a', 'a-b', 'a.b', 'b', 'c', 'd', 'ä']
    for (const id of ids) await submit(first, id)
    const listed: unknown[] = []
    let after: unknown
    do {
      const page = await first.call<{ tasks: Answer[]; next: unknown }>('task_list', {
        limit: 2,
        ...(after === undefined ? {} : { after }),
      })
      expect(page.tasks.length).toBeLessThanOrEqual(2)
      listed.push(...page.tasks.map(({ id }) => id))
      after = page.next
    } while (after !== null)
    expect(listed.toSorted()).toEqual(ids.toSorted())
  })

  test('filters by status and type', async () => {
    const { first } = await twoClients()
    await submit(first, 'a')
    await submit(first, 'b', { type: 'translate' })
    await claimed(first, { types: ['review'] })
    const ids = async (input: object) => (await first.call<{ tasks: Answer[] }>('task_list', input)).tasks.map(({ id }) => id)
    expect(await ids({ status: 'processing' })).toEqual(['a'])
    expect(await ids({ type: 'translate' })).toEqual(['b'])
    expect(await ids({ type: 'translate', status: 'processing' })).toEqual([])
  })

  test('looks at so many records and no more: where it stopped, the next call goes on', async () => {
    const { first, memory, run } = await twoClients()
    await submit(first, 'a')
    const stored = await run(memory.get('task-sentinel/tasks/a/record'))
    if (stored === null) expect.unreachable('the record is gone')
    const { entry } = stored
    const ids = Array.from({ length: recordsReadMax }, (_, index) => `n${index}`)
    const units = ids.map((id) => {
      const value = { ...(entry.value as object), id, type: id === 'n9999' ? 'wanted' : 'review' }
      return [{ key: `task-sentinel/tasks/${id}/record`, entry: { ...entry, value }, condition: always }]
    })
    await run(memory.commit(units))
    const page = await first.call<{ tasks: Answer[]; next: string }>('task_list', { type: 'wanted' })
    expect(page).toEqual({ tasks: [], next: 'n9998' })
    const last = await first.call('task_list', { type: 'wanted', after: page.next })
    expect(last).toMatchObject({ tasks: [{ id: 'n9999' }], next: null })
  })

  test('is not broken by what others write at the key of a record', async () => {
    const { first, memory, run } = await twoClients()
    await submit(first, 'a')
    await submit(first, 'c')
    const stored = await run(memory.get('task-sentinel/tasks/a/record'))
    if (stored === null) expect.unreachable('the record is gone')
    const strange: Record<string, object> = { b: { id: 7 }, b2: { error: null, owner: 5, endedMs: 'x', cancelRequested: {} } }
    for (const [id, members] of Object.entries(strange)) {
      const entry = { ...stored.entry, value: { ...(stored.entry.value as object), ...members } }
      await run(memory.commit([[{ key: `task-sentinel/tasks/${id}/record`, entry, condition: always }]]))
    }
    const { tasks } = await first.call<{ tasks: Answer[] }>('task_list')
    expect(tasks.map(({ id }) => id)).toEqual(['a', 'b2', 'c'])
  })
})

test('task_explain says why a task is where it is', async () => {
  const { first } = await twoClients()
  await submit(first, 'a', { dependsOn: ['b'] })
  expect(await first.call('task_explain', { id: 'a' })).toMatchObject({
    state: 'blocked',
    reason: 'waits for b (unknown)',
    dependencies: [{ id: 'b', status: 'unknown' }],
  })
})

test('every tool says what it is for in few words, and what it takes and gives', async () => {
  const { first, run } = await twoClients()
  const { tools } = await run(first.client.listTools())
  const own = tools.filter(({ name }) => /^(task|lock|worker)_/.test(name))
  expect(own.map(({ name }) => name).toSorted()).toEqual(
    [
      ...['lock_acquire', 'lock_release', 'lock_renew'],
      ...['task_cancel', 'task_claim', 'task_complete', 'task_explain', 'task_fail', 'task_get', 'task_list', 'task_progress'],
      ...['task_release', 'task_replay', 'task_submit'],
      ...['worker_drain', 'worker_heartbeat', 'worker_list', 'worker_register'],
    ].toSorted(),
  )
  for (const { name, description = '', outputSchema, annotations } of own) {
    expect(description.length, name).toBeLessThan(600)
    expect(description.length, name).toBeGreaterThan(100)
    expect(outputSchema, name).toBeDefined()
    expect(annotations?.readOnlyHint, name).toBe(['task_get', 'task_list', 'task_explain', 'worker_list'].includes(name))
  }
})

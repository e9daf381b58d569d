/** `npm start -- --inspect`, as a user sees it: a URL, a job that waits for the page, and a page that stays. */
import { expect, test } from 'vitest'
import type { TraceRecord } from '../../src/wire/trace-record.ts'
import { EventClient } from '../inspector/inspector-fixture.ts'
import { runScript } from './run-script.ts'

test('the job begins when a page is there, which sees the workers, the kill and the takeover; Ctrl-C ends it well', async () => {
  const stays = signal()
  let watching: Promise<TraceRecord[]> | null = null
  const { code, stdout, stderr } = await runScript('examples/main-job/main.ts', ['src/runtime', '--inspect'], (said, kill) => {
    const url = /http:\/\/127\.0\.0\.1:\d+\/\?token=\w+/.exec(said)?.[0]
    if (url === undefined) return
    watching ??= watch(url, stays.given).finally(() => kill('SIGINT'))
    if (said.includes('The inspector is still there')) stays.give()
  })
  expect(code, stderr).toBe(0)
  expect(stdout).toContain('OK: equal to a plain run')
  const records: TraceRecord[] = (await watching) ?? []
  const heard = records.flatMap((record) => (record.type === 'source' && record.kind === 'process' ? [record] : []))
  const workers = heard.map(({ workerId }) => workerId)
  expect(workers).toEqual(expect.arrayContaining(['main', expect.stringMatching(/^worker-/)]))
  // It may have died before it could be heard; then the memory alone tells of it.
  const killed = heard.find(({ workerId }) => stderr.includes(`killed ${workerId} `))
  const lost = records.filter(({ type }) => type === 'source.lost').map(({ source }) => source)
  if (killed !== undefined) expect(lost).toContain(killed.source)
}, 120_000)

/** What a page is told until the job's end, the takeover of the killed worker's tasks among it. */
async function watch(url: string, stays: Promise<void>): Promise<TraceRecord[]> {
  const { origin, searchParams } = new URL(url)
  const page = await EventClient.open(`${origin}/api/events`, { authorization: `Bearer ${searchParams.get('token')}` })
  await page.record((record) => record.type === 'change' && JSON.stringify(record.entry.value).includes('"takeovers"'))
  await stays
  return page.records
}

function signal(): { readonly given: Promise<void>; give(): void } {
  let give = (): void => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}

import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { contentSecurityPolicy } from '../../src/inspector/access.ts'
import { bodyBytesMax } from '../../src/inspector/http-server.ts'
import { checkInspectorOptions } from '../../src/inspector/options.ts'
import { ask, InspectorFixture, type Served, token } from './inspector-fixture.ts'

const fixture = new InspectorFixture()
afterEach(() => fixture.end())

const paths = ['/', '/assets/main.js', '/api/session', '/api/events', '/api/entry?key=a', '/api/explain?task=a', '/api/export']
const cookieOf = (served: Served): string => `memory-sync-inspector-${new URL(served.origin).port}=${token}`

describe('who may look', () => {
  it('whoever has the URL: its token becomes a cookie that no script reads, and leaves the address', async () => {
    const served = await fixture.serve()
    const visit = await ask(served.inspector.url)
    expect(visit.status).toBe(303)
    expect(visit.headers.location).toBe('/')
    expect(visit.headers['set-cookie']).toEqual([`${cookieOf(served)}; HttpOnly; SameSite=Strict; Path=/`])
    const page = await ask(`${served.origin}/`, { headers: { cookie: `other=1; ${cookieOf(served)}; more=2` } })
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining('the page') })
  })

  it('whoever sends the token as a bearer', async () => {
    const { get } = await fixture.serve()
    expect(JSON.parse((await get('/api/session')).text)).toMatchObject({
      format: 1,
      namespace: 'task-sentinel',
      allowsActions: false,
    })
  })

  it('nobody else, at any path', async () => {
    const served = await fixture.serve({ allowActions: true })
    const wrong: Readonly<Record<string, string>>[] = [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: `Basic ${token}` },
      { cookie: `memory-sync-inspector-1=${token}` },
      { cookie: `${cookieOf(served)}x` },
      { cookie: 'memory-sync-inspector' },
    ]
    for (const path of paths) {
      for (const headers of wrong) {
        const { status, text } = await ask(served.origin + path, { headers })
        expect(status, `${path} ${JSON.stringify(headers)}`).toBe(401)
        expect(text).not.toContain(token)
      }
    }
    expect((await ask(`${served.origin}/?token=wrong`)).status).toBe(401)
    expect((await ask(`${served.origin}/?token=`)).status).toBe(401)
    expect((await ask(`${served.origin}/api/session?token=${token}`)).status).toBe(401)
    expect((await ask(`${served.origin}/api/actions`, { method: 'POST', body: '{}' })).status).toBe(401)
  })

  it('with a ticket, once', async () => {
    const { inspector } = await fixture.serve()
    const url = inspector.ticketUrl()
    expect(url).not.toContain(token)
    expect((await ask(url)).headers['set-cookie']?.[0]).toContain(token)
    expect((await ask(url)).status).toBe(401)
  })

  it('also by a link of another site, whose redirects would carry no strict cookie', async () => {
    const { inspector } = await fixture.serve()
    const visit = await ask(inspector.url, { headers: { 'sec-fetch-site': 'cross-site' } })
    expect(visit).toMatchObject({ status: 200, text: expect.stringContaining('url=/"') })
    expect(visit.text).not.toContain(token)
  })
})

describe('which pages may call', () => {
  it('none of another origin, be it of this machine, though it has the cookie', async () => {
    const served = await fixture.serve({ allowActions: true })
    const port = new URL(served.origin).port
    const cookie = cookieOf(served)
    for (const origin of [
      'https://evil.example',
      'http://127.0.0.1:1',
      'http://localhost:3000',
      `https://127.0.0.1:${port}`,
      'null',
    ]) {
      for (const path of paths) {
        expect((await ask(served.origin + path, { headers: { cookie, origin } })).status, `${origin} ${path}`).toBe(403)
      }
      const acted = await ask(`${served.origin}/api/actions`, { method: 'POST', headers: { cookie, origin }, body: '{}' })
      expect(acted.status).toBe(403)
    }
    const own = await ask(`${served.origin}/api/session`, { headers: { cookie, origin: served.origin } })
    expect(own.status).toBe(200)
    expect(own.headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('none that embeds it or loads it as a script, which sends no Origin', async () => {
    const served = await fixture.serve()
    const headers = { cookie: cookieOf(served), 'sec-fetch-site': 'same-site' }
    expect((await ask(`${served.origin}/api/export`, { headers })).status).toBe(403)
    expect((await ask(`${served.origin}/api/export`, { headers: { ...headers, 'sec-fetch-site': 'same-origin' } })).status).toBe(
      200,
    )
  })

  it('none under a name that was made to lead here', async () => {
    const served = await fixture.serve()
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '0.0.0.0', 'memory-sync']) {
      for (const path of ['/', `/?token=${token}`, '/api/session']) {
        const refused = await ask(served.origin + path, { headers: { host, cookie: cookieOf(served) } })
        expect(refused.status, `${host} ${path}`).toBe(403)
        expect(refused.headers).not.toHaveProperty('set-cookie')
      }
    }
    expect((await served.get('/', { host: `localhost:${new URL(served.origin).port}` })).status).toBe(200)
  })
})

describe('every answer', () => {
  it('forbids what the page does not need: inline code, other origins, frames, caches, guessed types', async () => {
    const served = await fixture.serve()
    expect(contentSecurityPolicy).not.toContain('unsafe')
    const refused = await ask(`${served.origin}/api/session`)
    for (const answer of [await served.get('/'), await served.get('/nowhere'), refused]) {
      expect(answer.headers).toMatchObject({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      })
    }
  })

  it('is a file of the page and nothing else of the disk', async () => {
    const { get } = await fixture.serve()
    expect(await get('/assets/main.js')).toMatchObject({
      status: 200,
      text: 'export {}',
      headers: { 'content-type': /javascript/ },
    })
    expect((await get('/THIRD-PARTY-NOTICES.txt')).status).toBe(200)
    for (const path of [
      '/model/fold.js',
      '/../package.json',
      '/assets/..%2f..%2fpackage.json',
      '/%00',
      '/assets/',
      '//etc/passwd',
    ]) {
      expect((await get(path)).status, path).toBe(404)
    }
  })

  it('has its method', async () => {
    const { origin } = await fixture.serve({ allowActions: true })
    const headers = { authorization: `Bearer ${token}` }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']) {
      const refused = await ask(`${origin}/api/session`, { method, headers })
      expect(refused).toMatchObject({ status: 405, headers: { allow: 'GET' } })
    }
    expect(await ask(`${origin}/api/actions`, { headers })).toMatchObject({ status: 405, headers: { allow: 'POST' } })
  })

  it('tells nothing of what is inside', async () => {
    const { get, runtime } = await fixture.serve()
    await runtime.shutdown()
    for (const path of [
      '/api/entry?key=a',
      '/api/explain?task=a',
      '/api/entry',
      '/api/explain?task=a/b',
      '/api/entry?key=__proto__',
    ]) {
      const { status, text } = await get(path)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(JSON.parse(text)).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
      expect(text).not.toMatch(/\.ts|node_modules| {4}at /)
    }
  })
})

describe('a hostile client', () => {
  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['half a request', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: '],
    [
      'an address of elsewhere',
      `GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    ],
    ['a tunnel', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
    ['heads without end', `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${'X-Y: z\r\n'.repeat(10_000)}\r\n`],
    ['another protocol', 'GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ])('that sends %s harms nobody', async (_, text) => {
    const served = await fixture.serve()
    const answer = await new Promise<string>((resolve) => {
      let said = ''
      const socket = connect(Number(new URL(served.origin).port), '127.0.0.1', () => socket.write(text))
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(said))
      if (text.includes('X: ')) socket.end()
    })
    expect(answer).not.toMatch(/^HTTP\/1\.1 2/)
    expect((await served.get('/api/session')).status).toBe(200)
    await served.runtime.memory.set('still', 'alive')
  })

  it('cannot make the body longer than it may be', async () => {
    const { act, runtime } = await fixture.serve({ allowActions: true })
    const long = JSON.stringify({ type: 'task.cancel', task: 't', reason: 'x'.repeat(bodyBytesMax) })
    expect((await act(long)).status).toBe(413)
    expect((await act(long, { 'transfer-encoding': 'chunked' })).status).toBe(413)
    expect((await act('['.repeat(100_000))).status).toBe(400)
    expect((await act(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)).status).toBe(400)
    expect((await act({}, { 'content-type': 'text/plain' })).status).toBe(400)
    await runtime.memory.set('still', 'alive')
  })
})

describe('options', () => {
  it.each([
    [{ port: -1 }, /port/],
    [{ sample: 2 }, /sample/],
    [{ token: 'short' }, /token: 16 to 200 letters/],
    [{ token: 'with spaces and more' }, /token/],
    [{ recordsMax: 1 }, /recordsMax/],
    [{ prot: 1 }, /no option "prot"/],
  ])('%j are refused by name', (options, message) => {
    expect(() => checkInspectorOptions(options as never)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(message) }),
    )
    expect(() => checkInspectorOptions(options as never)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('short') }),
    )
  })

  it('a port that is taken is told with what to do', async () => {
    const { origin } = await fixture.serve()
    const port = Number(new URL(origin).port)
    await expect(fixture.serve({ port })).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringMatching(/0 takes any/),
    })
  })
})

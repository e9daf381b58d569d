import { describe, expect, it } from 'vitest'
import { type AllowedNames, isAllowedHost, isAllowedOrigin, tokenCheck } from '../../src/mcp/http-guards.ts'
import { checkHttpOptions } from '../../src/mcp/http-options.ts'

const loopback: AllowedNames = checkHttpOptions({})
const token = 'a-token-of-24-characters'
const network: AllowedNames = checkHttpOptions({
  host: '0.0.0.0',
  token,
  allowedHosts: ['memory.example.com'],
  allowedOrigins: ['https://app.example.com'],
})

describe('the Host header', () => {
  it.each(['localhost', 'LOCALHOST:7438', '127.0.0.1:80', '127.1.2.3', '[::1]:7438'])('may be %s on this machine', (host) => {
    expect(isAllowedHost(host, loopback)).toBe(true)
    expect(isAllowedHost(host, network)).toBe(true)
  })

  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    'localhost.',
    '127.0.0.1.nip.io',
    'localhost@evil.example',
    'evil.example/localhost',
    'evil.example\\@localhost',
    'localhost#',
    'localhost:port',
    'local host',
    '[::1',
    '0.0.0.0',
    '10.0.0.1',
    'memory.example.com',
  ])('may not be %s on this machine', (host) => {
    expect(isAllowedHost(host, loopback)).toBe(false)
  })

  it('may be an address or a listed name when others may call, and no other name', () => {
    for (const host of ['10.0.0.1:7438', '[fe80::1]:7438', 'memory.example.com', 'Memory.Example.com:443']) {
      expect(isAllowedHost(host, network), host).toBe(true)
    }
    for (const host of ['evil.example', 'example.com', 'x.memory.example.com'])
      expect(isAllowedHost(host, network), host).toBe(false)
  })
})

describe('the Origin header', () => {
  it('may be absent, a page of this machine, or a listed page', () => {
    expect(isAllowedOrigin(undefined, loopback)).toBe(true)
    expect(isAllowedOrigin('http://localhost:6274', loopback)).toBe(true)
    expect(isAllowedOrigin('https://127.0.0.1', loopback)).toBe(true)
    expect(isAllowedOrigin('https://app.example.com', network)).toBe(true)
  })

  it.each(['null', '', 'https://evil.example', 'http://localhost.evil.example', 'http://localhost@evil.example', 'file://', 'x'])(
    'may not be %s',
    (origin) => {
      expect(isAllowedOrigin(origin, loopback)).toBe(false)
      expect(isAllowedOrigin(origin, network)).toBe(false)
    },
  )

  it('may not be a page of the visitor’s machine when the server is for others, nor a listed one by another scheme or port', () => {
    for (const origin of ['http://localhost:6274', 'http://app.example.com', 'https://app.example.com:8443']) {
      expect(isAllowedOrigin(origin, network), origin).toBe(false)
    }
  })
})

describe('the token', () => {
  const isToken = tokenCheck(token)

  it('is taken as a bearer', () => {
    expect(isToken(`Bearer ${token}`)).toBe(true)
    expect(isToken(`bearer  ${token}`)).toBe(true)
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    token,
    `Basic ${token}`,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `Bearer x ${token}`,
  ])('is not %s', (header) => {
    expect(isToken(header)).toBe(false)
  })
})

describe('options', () => {
  it.each([
    ['other machines without a token', { host: '0.0.0.0' }, /can be reached from other machines: give a token/],
    ['other machines without a token, by IPv6', { host: '::' }, /give a token/],
    ['a name that may lead anywhere without a token', { host: 'my-machine' }, /give a token/],
    ['a host with a port', { host: 'localhost:80' }, /host must be an address or a name .*"localhost:80"/],
    ['a short token', { token: 'secret' }, /at least 16 characters, all visible ASCII; it has 6/],
    ['a token that no header can carry', { token: 'two words and a line\n' }, /visible ASCII/],
    ['an allowed host with a port', { allowedHosts: ['example.com:80'] }, /allowedHosts must be a host name without a port/],
    ['an allowed origin with a path', { allowedOrigins: ['https://example.com/app'] }, /allowedOrigins must be an origin/],
    ['a port out of range', { port: 65_536 }, /port must be a whole number from 0 to 65535, got 65536/],
    ['no room for a body', { bodyBytesMax: 0 }, /bodyBytesMax/],
    ['a fraction', { sessionsMax: 1.5 }, /sessionsMax must be a whole number/],
  ])('refuse %s', (_, options, message) => {
    expect(() => checkHttpOptions(options)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(message) }),
    )
  })

  it('never quote the token', () => {
    expect(() => checkHttpOptions({ token: 'hunter2' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    )
  })

  it.each(['127.0.0.1', 'localhost', '::1', '127.1.2.3'])('need no token at %s', (host) => {
    expect(checkHttpOptions({ host })).toMatchObject({ isLoopback: true, token: null, port: 7438 })
  })
})

import { describe, expect, it } from 'vitest'
import { checkHttpOptions } from '../../src/mcp/http-options.ts'

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

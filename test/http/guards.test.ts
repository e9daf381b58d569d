import { describe, expect, it } from 'vitest'
import { type AllowedNames, isAllowedHost, isAllowedOrigin, secretCheck, tokenCheck } from '../../src/http/guards.ts'

const loopback: AllowedNames = { isLoopback: true, host: '127.0.0.1', allowedHosts: [], allowedOrigins: [] }
const token = 'a-token-of-24-characters'
const network: AllowedNames = {
  isLoopback: false,
  host: '0.0.0.0',
  allowedHosts: ['memory.example.com'],
  allowedOrigins: ['https://app.example.com'],
}

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

  it('is taken from elsewhere, too, and nothing else is', () => {
    const isSecret = secretCheck(token)
    expect(isSecret(token)).toBe(true)
    for (const given of [undefined, '', `${token}x`, token.slice(1), token.toUpperCase()]) expect(isSecret(given)).toBe(false)
  })
})

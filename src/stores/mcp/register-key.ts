/**
 * Keys in a server's own alphabet, reversibly: each UTF-8 byte of what the server cannot take becomes `=XX`, and so does `=`.
 * Most keys stay as they are, so that others read them. Knows no server.
 *
 * - A1 `decode(encode(key))` is the key; a text that `encode` does not make, a foreign writer's, decodes to itself
 */

export interface KeyAlphabet {
  encode(key: string): string
  decode(text: string): string
}

/** @param escaped global; all that the server cannot take. `=` and what is not ASCII are escaped in any case. */
export function keyAlphabet(escaped?: RegExp): KeyAlphabet {
  const encode = (key: string): string => {
    if (plainKey.test(key)) return key
    const text = key.replace(neverPlain, bytesOf)
    return escaped === undefined ? text : text.replace(escaped, bytesOf)
  }
  return {
    encode,
    decode(text) {
      if (!text.includes('=')) return text
      try {
        const key = text.replace(/(?:=[0-9A-F]{2})+/g, (bytes) => decodeURIComponent(bytes.replaceAll('=', '%')))
        return encode(key) === text ? key : text
      } catch {
        return text // `=FF` is no UTF-8
      }
    },
  }
}

/** What every server takes. A dot may be part of `../`. */
const plainKey = /^[\w/-]*$/
/** The servers' own decoding of a chunk of their input breaks what is not ASCII. Not one by one: a character may be two units. */
const neverPlain = /=|[^ -~]+/g

function bytesOf(text: string): string {
  let bytes = ''
  for (const byte of Buffer.from(text)) bytes += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return bytes
}

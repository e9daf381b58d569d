/** Whether a value fits its document with room for what is added to it later. Knows no store. */
import { MemorySyncError } from '../domain/errors.ts'
import type { Json } from '../domain/json.ts'
import { jsonBytesAtMost } from '../domain/size.ts'
import { entryBytesMaxDefault } from '../wire/entry-codec.ts'

/** An entry's version, dot and times. */
const entryRoomBytes = 4096
/** A record grows: owner, lease, the last error, takeovers, the reason of a cancellation. */
const recordRoomBytes = 32 * 1024

export const outputBytesMax = entryBytesMaxDefault - entryRoomBytes
export const recordBytesMax = entryBytesMaxDefault - recordRoomBytes

/** @throws `too_large` for a value whose text has more than `bytesMax` UTF-8 bytes. */
export function assertFits<Value extends Json>(value: Value, what: string, bytesMax: number): Value {
  if (jsonBytesAtMost(value) <= bytesMax) return value
  const bytes = Buffer.byteLength(JSON.stringify(value))
  if (bytes <= bytesMax) return value
  throw new MemorySyncError(
    'too_large',
    `${what} has ${bytes} bytes as JSON, the limit is ${bytesMax}. Store it elsewhere and give a reference.`,
  )
}

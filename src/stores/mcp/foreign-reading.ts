/** What reading a whole memory server gives, piece by piece, as values. Knows no server and no store. */
import type { Json } from '../../domain/json.ts'
import type { Stored } from '../../ports/store.ts'

/** A value's place as its server's clients name it. */
export interface ForeignPlace {
  readonly namespace: string
  readonly key: string
}

export interface ForeignValue extends ForeignPlace {
  readonly type: 'value'
  /** The text that was stored, or what the server made of it: it parses what parses as JSON. */
  readonly content: Json
  /** By the server's clock; null: it does not say. */
  readonly updatedAtMs: number | null
  /** Characters of the stored text; null: the server does not say. */
  readonly characters: number | null
}

/** It is there, or was named, and the server cannot give it. */
export interface ForeignUnreadable extends ForeignPlace {
  readonly type: 'unreadable'
  readonly reason: string
}

export type ForeignReading =
  | ForeignValue
  /** Of our own server: the entry as it lies there. */
  | { readonly type: 'entry'; readonly stored: Stored }
  | ForeignUnreadable
  /** Keys may be missing. `namespace` null: of any. */
  | { readonly type: 'gap'; readonly namespace: string | null; readonly reason: string }
  /** Nothing is missing in this namespace. `assumed`: unless there is such a key, which the server gives no way to find. */
  | { readonly type: 'whole'; readonly namespace: string; readonly assumed: string | null }

export interface ForeignQuestion {
  /** Asked for where the server cannot list its namespaces; elsewhere all are read. */
  readonly namespaces: readonly string[]
  /** Keys that the caller knows of. Their namespaces are read by these keys alone where the server cannot list all. */
  readonly known: readonly ForeignPlace[]
  /** Calls for a namespace whose keys have to be searched for. Default 50,000. */
  readonly searchCallsMax?: number | undefined
  readonly signal?: AbortSignal
}

/**
 * Where the double of claude-flow v2 keeps its rows: as the server's database does, or as it does without one. Knows nothing of the
 * tool or of what a value means.
 */
import type { Clock } from '../../../../src/ports/clock.ts'
import type { Row, Table } from './table.ts'

export interface V2Row extends Row {
  readonly text: string
  readonly metadata: unknown
  readonly createdMs: number
  readonly updatedMs: number
  readonly accessCount: number
  /** Gone as soon as the time is not before this. */
  readonly expiresMs: number | null
}

export type V2Table = Table<V2Row>

export interface Shelf {
  /** @returns the id that the reply shows. */
  store(namespace: string, key: string, text: string, ttlSeconds: number, metadata: unknown): number | string
  /** The text of what is stored and not expired, else null. Counts the access. */
  retrieve(namespace: string, key: string): string | null
  remove(namespace: string, key: string): boolean
  newest(namespace: string): V2Row[]
  search(namespace: string, pattern: string): V2Row[]
}

/** Times are whole seconds: among equals the older row comes first, so that "newest" is not what it says. */
export function sqliteShelf(table: V2Table, clock: Pick<Clock, 'wallMs'>): Shelf {
  const seconds = () => Math.floor(clock.wallMs() / 1000)
  const isLive = (row: V2Row) => row.expiresMs === null || row.expiresMs > seconds() * 1000
  let lastInsertedId = 0
  return {
    store: (namespace, key, text, ttlSeconds, metadata) =>
      table.transact((rows) => {
        const stored = rows.get(namespace, key)
        const nowMs = seconds() * 1000
        // An overwrite uses an id up too, and the reply shows the last one that this server inserted: no version of anything.
        const id = rows.nextId()
        rows.put({
          id: stored?.id ?? id,
          namespace,
          key,
          text,
          metadata,
          createdMs: stored?.createdMs ?? nowMs,
          updatedMs: nowMs,
          accessCount: stored === undefined ? 0 : stored.accessCount + 1,
          expiresMs: ttlSeconds ? nowMs + ttlSeconds * 1000 : null,
        })
        if (stored === undefined) lastInsertedId = id
        return lastInsertedId
      }),
    retrieve: (namespace, key) =>
      table.transact((rows) => {
        const row = rows.get(namespace, key)
        if (row === undefined || !isLive(row)) return null
        rows.put({ ...row, accessCount: row.accessCount + 1 })
        return row.text
      }),
    remove: (namespace, key) => table.transact((rows) => rows.remove(namespace, key)),
    newest: (namespace) =>
      table.transact((rows) => {
        const live = rows.all(namespace).filter(isLive)
        return live.sort((a, b) => b.updatedMs - a.updatedMs).slice(0, listedMax)
      }),
    search(namespace, pattern) {
      const like = likeMatcher(`%${pattern}%`)
      return table.transact((rows) => {
        const live = rows.all(namespace).filter((row) => isLive(row) && (like(row.key) || like(row.text)))
        return live.sort((a, b) => b.accessCount - a.accessCount || b.updatedMs - a.updatedMs).slice(0, foundMax)
      })
    },
  }
}

/** What the server does without its database: milliseconds, other ids and counts, and a search without wildcards. */
export function inMemoryShelf(table: V2Table, clock: Pick<Clock, 'wallMs'>): Shelf {
  const isLive = (row: V2Row) => row.expiresMs === null || row.expiresMs >= clock.wallMs()
  return {
    store: (namespace, key, text, ttlSeconds, metadata) =>
      table.transact((rows) => {
        const stored = rows.get(namespace, key)
        const nowMs = clock.wallMs()
        rows.put({
          id: stored?.id ?? rows.nextId(),
          namespace,
          key,
          text,
          metadata,
          createdMs: stored?.createdMs ?? nowMs,
          updatedMs: nowMs,
          accessCount: (stored?.accessCount ?? 0) + 1,
          expiresMs: ttlSeconds ? nowMs + ttlSeconds * 1000 : null,
        })
        return `${namespace}:${key}`
      }),
    retrieve: (namespace, key) =>
      table.transact((rows) => {
        const row = rows.get(namespace, key)
        if (row === undefined || !isLive(row)) return null
        rows.put({ ...row, accessCount: row.accessCount + 1 })
        return row.text
      }),
    remove: (namespace, key) => table.transact((rows) => rows.remove(namespace, key)),
    newest: (namespace) =>
      table.transact((rows) => {
        const live = rows.all(namespace).filter(isLive)
        return live.sort((a, b) => b.updatedMs - a.updatedMs).slice(0, listedMax)
      }),
    search(namespace, pattern) {
      const wanted = pattern.toLowerCase()
      return table.transact((rows) => {
        const live = rows.all(namespace).filter(isLive)
        const hits = live.filter((row) => row.key.toLowerCase().includes(wanted) || row.text.toLowerCase().includes(wanted))
        return hits.slice(0, foundMax).sort((a, b) => b.accessCount - a.accessCount || b.updatedMs - a.updatedMs)
      })
    },
  }
}

const listedMax = 100
const foundMax = 50

/** SQL's LIKE as that database has it: `%` any text, `_` any character, only the letters a to z without case. */
function likeMatcher(pattern: string): (text: string) => boolean {
  const source = asciiLower(pattern).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const regExp = new RegExp(`^${source.replaceAll('%', '.*').replaceAll('_', '.')}$`, 'su')
  return (text) => regExp.test(asciiLower(text))
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/**
 * What the servers of one directory share: rows by namespace and key. In this process (a map) or over processes (lmdb). Knows
 * nothing of tools or of what a row holds.
 *
 * - B1 `transact` runs alone, over all processes that opened the same path
 * - B2 `all` is in the order of row ids, which a database without another order would give
 */
import { createHash } from 'node:crypto'
import { type Database, open } from 'lmdb'

export interface Row {
  readonly id: number
  readonly namespace: string
  readonly key: string
}

export interface Rows<R extends Row> {
  get(namespace: string, key: string): R | undefined
  put(row: R): void
  remove(namespace: string, key: string): boolean
  /** Of one namespace; without one, of all. */
  all(namespace?: string): R[]
  /** Ids start at 1, and none is given twice. */
  nextId(): number
}

export interface Table<R extends Row> {
  transact<T>(run: (rows: Rows<R>) => T): T
  close(): Promise<void>
}

/** A directory within this process: hand it to every server that shall share it. */
export function memoryTable<R extends Row>(): Table<R> {
  const rowByPlace = new Map<string, R>()
  let lastId = 0
  const rows: Rows<R> = {
    get: (namespace, key) => rowByPlace.get(placeOf(namespace, key)),
    put: (row) => void rowByPlace.set(placeOf(row.namespace, row.key), row),
    remove: (namespace, key) => rowByPlace.delete(placeOf(namespace, key)),
    all: (namespace) => inOrder([...rowByPlace.values()], namespace),
    nextId: () => ++lastId,
  }
  return { transact: (run) => run(rows), close: async () => {} }
}

/** A directory on disk, shared by all processes that open it. */
export function diskTable<R extends Row>(directory: string): Table<R> {
  const root = open({ path: directory, maxDbs: 2, noSync: true })
  const rowByHash: Database<R, string> = root.openDB({ name: 'rows' })
  const counters: Database<number, string> = root.openDB({ name: 'counters' })
  const rows: Rows<R> = {
    get: (namespace, key) => rowByHash.get(hashOf(namespace, key)),
    put: (row) => void rowByHash.putSync(hashOf(row.namespace, row.key), row),
    remove: (namespace, key) => rowByHash.removeSync(hashOf(namespace, key)),
    all: (namespace) => inOrder([...rowByHash.getRange().map(({ value }) => value)], namespace),
    nextId() {
      const id = (counters.get('id') ?? 0) + 1
      counters.putSync('id', id)
      return id
    },
  }
  return { transact: (run) => root.transactionSync(() => run(rows)), close: () => root.close() }
}

function placeOf(namespace: string, key: string): string {
  return JSON.stringify([namespace, key])
}

/** The servers take longer keys than lmdb does. */
function hashOf(namespace: string, key: string): string {
  return createHash('sha256').update(placeOf(namespace, key)).digest('hex')
}

function inOrder<R extends Row>(rows: R[], namespace: string | undefined): R[] {
  const own = namespace === undefined ? rows : rows.filter((row) => row.namespace === namespace)
  return own.sort((a, b) => a.id - b.id)
}

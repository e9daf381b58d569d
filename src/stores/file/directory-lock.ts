/**
 * One lock per directory between processes, held by whoever is inside a transaction and by whoever opens or closes the data. It
 * ends with its holder, however that dies. Knows nothing of the data.
 *
 * Why: lmdb's opening reads the number of the last transaction and, a moment later, writes it to where all processes look for
 * it (`mdb_env_open2`, without lmdb's own lock). A commit of another process in between would be taken back with its receipt
 * given (ran: 3 writers beside a process that opens and closes lost about 10 of 50,000 commits). The lock is the writer's lock of a second, empty
 * lmdb file, in which nothing is ever committed: opening that one has nothing to take back.
 *
 * - D1 the data is opened, and closed, while no transaction runs in any process
 */
import { join } from 'node:path'
import { ABORT, open, type RootDatabase } from 'lmdb'
import { environmentOptions, openingFile } from './format.ts'

/** lmdb's flag of a transaction: no nested one. */
const synchronous = 0x02

export class DirectoryLock {
  readonly #root: RootDatabase

  constructor(directory: string) {
    this.#root = open({ ...environmentOptions, path: join(directory, openingFile), noSubdir: true })
  }

  /** Waits for the lock, runs, gives the lock back. `run` does all it does within the call. */
  hold<Result>(run: () => Result): Result {
    let result: { readonly value: Result } | undefined
    this.#root.transactionSync(() => {
      result = { value: run() }
      return ABORT
    }, synchronous)
    return (result as { readonly value: Result }).value
  }

  async close(): Promise<void> {
    await this.#root.close()
  }
}

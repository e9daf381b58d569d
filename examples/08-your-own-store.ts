/** A store is any object that passes the contract: this one wraps another and keeps a journal of what was committed. */
import assert from 'node:assert/strict'
import { createRuntime, memoryStore, type Store } from 'memory-sync'
import { storeContract } from 'memory-sync/testing'

function journaledStore(inner: Store, journal: string[]): Store {
  return {
    features: inner.features,
    url: `journal+${inner.url}`,
    open: () => inner.open(),
    get: (key, options) => inner.get(key, options),
    list: (pattern, options) => inner.list(pattern, options),
    watch: (pattern, options) => inner.watch(pattern, options),
    head: (options) => inner.head(options),
    close: () => inner.close(),
    async commit(units, options) {
      const receipts = await inner.commit(units, options)
      // One receipt per unit, in order. A refused unit has changed nothing.
      for (const [index, receipt] of receipts.entries()) {
        if (receipt.type === 'committed') for (const { key } of units[index] ?? []) journal.push(key)
      }
      return receipts
    },
  }
}

// The contract is a list of cases for any test runner, or none: each wants an empty store.
for (const { name, run } of storeContract) {
  const store = journaledStore(memoryStore(), [])
  await run(async () => ({ store, dispose: () => store.close() })).catch((cause: unknown) => {
    throw new Error(`the store breaks its contract: ${name}`, { cause })
  })
}

const journal: string[] = []
const store = journaledStore(memoryStore(), journal)
const runtime = createRuntime({ store })
runtime.spawnWorker({ handlers: { greet: ({ input }) => `hello ${input}` } })
const task = await runtime.submit({ id: 'greet-1', type: 'greet', input: 'journal' })
assert.equal(await task.result(), 'hello journal')
await runtime.shutdown()
// The runtime closes what it has opened itself; this store is ours.
await store.close()

// Submitted, claimed, completed.
assert.equal(journal.filter((key) => key === 'task-sentinel/tasks/greet-1/record').length, 3)
console.log(`ok ${storeContract.length} cases of the contract hold, and ${journal.length} writes were journaled`)

/** Two writers that have not seen each other: the resolver decides, and with a merging one nothing is lost. */
import assert from 'node:assert/strict'
import { assertResolverLaws, type ConflictResolver, ConflictResolvers, MemorySyncManager } from 'memory-sync'

// A resolver of your own, and the proof that the order of conflicts does not matter to it.
const longest: ConflictResolver = (entries) => {
  const texts = entries.map(({ value }) => String(value))
  return { resolved: texts.sort((a, b) => b.length - a.length || (a < b ? -1 : 1))[0] }
}
assertResolverLaws(longest, ['a', 'bb', 'cc', 'ddd'])

for (const [conflictResolver, values, expected] of [
  [ConflictResolvers.mergeArrays, [['a'], ['b']], ['a', 'b']],
  [ConflictResolvers.mergeObjects, [{ x: 1 }, { y: 2 }], { x: 1, y: 2 }],
  [ConflictResolvers.maxValue, [3, 7], 7],
  [longest, ['short', 'longer'], 'longer'],
] as const) {
  const store = `memory:conflicts-${JSON.stringify(expected)}`
  const managers = ['one', 'other'].map((workerId) => new MemorySyncManager({ workerId, store, conflictResolver }))
  await Promise.all(managers.map((manager, index) => manager.write('key', values[index])))
  for (const manager of managers) assert.deepEqual(await manager.read('key'), expected)
  const conflicts = managers.map((manager) => manager.getMetrics().conflicts)
  assert.deepEqual(conflicts.sort(), [0, 1])
  await Promise.all(managers.map((manager) => manager.shutdown()))
}
console.log('ok four resolvers decided, and both sides agreed')

/** For tests of stores and of programs on top: the store contract, a store that fails on command, virtual time, seeded chance. */
export * from './faulty-store.ts'
export { createSeededRandom } from './seeded-random.ts'
export { type ContractCase, type ContractSubject, storeContract } from './store-contract.ts'
export { createVirtualClock, type VirtualClock, type VirtualClockOptions } from './virtual-clock.ts'

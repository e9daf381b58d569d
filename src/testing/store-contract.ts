/**
 * The contract that every store passes, as a list of cases: what `src/ports/store.ts` promises, checked through the port
 * alone. Knows no test runner: hand each case a function that makes an open, empty store.
 *
 * @example
 * for (const { name, run } of storeContract) test(name, () => run(async () => ({ store: await openMyStore() })))
 */
import { conditionCases } from './store-contract/conditions.ts'
import { lifeCases } from './store-contract/life.ts'
import { readingCases } from './store-contract/reading.ts'
import type { ContractCase } from './store-contract/subject.ts'
import { unitCases } from './store-contract/units.ts'
import { watchingCases } from './store-contract/watching.ts'

export type { ContractCase, ContractSubject } from './store-contract/subject.ts'

export const storeContract: readonly ContractCase[] = [
  ...readingCases,
  ...conditionCases,
  ...unitCases,
  ...watchingCases,
  ...lifeCases,
]

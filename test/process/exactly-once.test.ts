import { expect, test } from 'vitest'
import { exactlyOnce } from './exactly-once.ts'

test('200 tasks over 4 processes, each killed 5 times: every effect exactly once, none lost', { timeout: 120_000 }, async () => {
  const counts = await exactlyOnce({ seed: 1, tasks: 200, processes: 4, killsEach: 5 })
  expect(counts).toMatchObject({ kills: 20, completed: 200, lost: 0, repeatedEffects: 0, missingEffects: 0, repeatedEnds: 0 })
  // Otherwise nothing was killed while it worked, and the test shows nothing.
  expect(counts.takeovers).toBeGreaterThan(0)
})

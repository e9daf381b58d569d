/** `npm run test:kill -- [times]`: kills workers at random and prints the counts; exits 1 if any is not what it must be. */
import { exactlyOnce } from './exactly-once.ts'

const times = Number(process.argv[2] ?? 5)
if (!Number.isInteger(times) || times < 1) {
  console.error(`how many times must be a positive integer, got ${process.argv[2]}`)
  process.exit(2)
}
const rows = []
for (let seed = 1; seed <= times; seed++) {
  const counts = await exactlyOnce({ seed, tasks: 200, processes: 4, killsEach: 5 })
  console.log(JSON.stringify(counts))
  rows.push(counts)
}
console.table(rows)
const isSound = rows.every((row) => row.lost + row.repeatedEffects + row.missingEffects + row.repeatedEnds === 0)
console.log(isSound ? 'every effect exactly once, nothing lost' : 'NOT SOUND')
process.exitCode = isSound ? 0 : 1

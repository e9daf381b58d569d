/**
 * Chance that a seed repeats. The generator is sfc32 by Chris Doty-Humphrey (PractRand, 2010): 128 bits of state, passes
 * its own author's and TestU01's batteries, and is a dozen 32-bit operations. Not for secrets.
 */
import { type Random, tokenLetters } from '../ports/random.ts'

/** The first outputs still resemble the seed; the generator's author discards 12 and more. */
const warmUpRounds = 20

/**
 * @param seed any integer; its lower 53 bits count.
 * @throws RangeError for a seed that is no safe integer: a run that cannot be repeated is no seeded run.
 */
export function createSeededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`a seed must be a safe integer, got ${seed}`)
  let a = seed | 0
  let b = Math.floor(seed / 2 ** 32) | 0
  let c = 0x9e3779b9 | 0 // the golden ratio's fraction, so that seed 0 does not start from zeros
  let counter = 1

  const next32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < warmUpRounds; round++) next32()

  return {
    next: () => next32() / 2 ** 32,
    token(length) {
      let token = ''
      // The upper bits are the better ones in every generator of this kind.
      for (let index = 0; index < length; index++) token += tokenLetters[next32() >>> 27]
      return token
    },
  }
}

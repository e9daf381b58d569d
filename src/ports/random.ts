/** Chance as the house sees it. Real: `src/platform.ts`. Seeded: `src/testing/seeded-random.ts`. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** `length` characters of lower-case base32, for incarnations and generated ids. */
  token(length: number): string
}

/** RFC 4648 in lower case: 32 letters, so that five random bits choose one without bias. */
export const tokenLetters = 'abcdefghijklmnopqrstuvwxyz234567'

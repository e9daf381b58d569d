/** Runs something for each of many items, a bounded number at a time. Knows nothing of what it runs. */

/**
 * Rejects with the first failure, and begins no further item then; those under way go on unheard.
 *
 * @param atOnceMax how many are under way at most.
 */
export async function eachBounded<T>(items: Iterable<T>, atOnceMax: number, run: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  let next = 0
  const lane = async (): Promise<void> => {
    try {
      for (let index = next++; index < left.length; index = next++) await run(left[index] as T)
    } catch (error) {
      next = left.length
      throw error
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnceMax, left.length) }, lane))
}

/**
 * Sorting what is sorted again and again and mostly is what it was: the last order is given again for the very same rows. Knows nothing
 * of what is sorted.
 */

export class LastOrder<Row extends object> {
  readonly #compare: (a: Row, b: Row) => number
  #given: readonly Row[] = []
  #sorted: readonly Row[] = []

  constructor(compare: (a: Row, b: Row) => number) {
    this.#compare = compare
  }

  /** @param rows whose own order decides between equal ones; not to be changed any more. */
  of(rows: readonly Row[]): readonly Row[] {
    const given = this.#given
    if (rows.length !== given.length || rows.some((row, index) => row !== given[index])) {
      this.#given = rows
      this.#sorted = [...rows].sort(this.#compare)
    }
    return this.#sorted
  }
}

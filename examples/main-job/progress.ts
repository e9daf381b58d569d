/**
 * What is seen while the job runs: on a terminal one line that is drawn again and again, elsewhere a plain line at every
 * tenth. Writes to stderr, so that stdout has the result and nothing else.
 */
const barCells = 30
/** Drawing more often only costs. */
const drawEveryMs = 50

export class Progress {
  readonly #output: NodeJS.WriteStream
  readonly #total: number
  #done = 0
  #text = ''
  #drawnMs = Number.NEGATIVE_INFINITY
  #isDrawn = false

  constructor(total: number, output: NodeJS.WriteStream = process.stderr) {
    this.#total = total
    this.#output = output
  }

  update(done: number, text: string): void {
    const isTenth = tenthsOf(done, this.#total) > tenthsOf(this.#done, this.#total)
    this.#done = done
    this.#text = text
    if (this.#output.isTTY) {
      if (isTenth || performance.now() - this.#drawnMs >= drawEveryMs) this.#draw()
    } else if (isTenth) {
      this.#output.write(`${String(Math.floor((100 * done) / this.#total)).padStart(3)} %  ${text}\n`)
    }
  }

  /** A line that stays. */
  note(text: string): void {
    this.#clear()
    this.#output.write(`${text}\n`)
    if (this.#output.isTTY && this.#done > 0) this.#draw()
  }

  end(): void {
    this.#clear()
  }

  #draw(): void {
    this.#drawnMs = performance.now()
    const cells = Math.floor((barCells * this.#done) / this.#total)
    const line = `[${'█'.repeat(cells)}${'·'.repeat(barCells - cells)}] ${this.#done}/${this.#total}  ${this.#text}`
    this.#output.write(`\r\x1b[K${line.slice(0, (this.#output.columns || 80) - 1)}`)
    this.#isDrawn = true
  }

  #clear(): void {
    if (this.#isDrawn) this.#output.write('\r\x1b[K')
    this.#isDrawn = false
  }
}

function tenthsOf(done: number, total: number): number {
  return Math.floor((10 * done) / total)
}

/**
 * Finds the keys of a claude-flow v2 namespace beyond the hundred that it lists, by its search: at most {@link foundMax} rows whose
 * key or value contain a text. Owns which texts are asked for; knows no connection.
 *
 * A text that gives fewer rows than that has given all of its rows, so a key that is still unknown consists of *crowded* texts alone:
 * each of its parts gives {@link foundMax} rows. A text is therefore asked for only when both the text without its last and the text
 * without its first character are crowded; and each crowded text is tried as a whole key too. When nothing is left to ask, no key is
 * left to find but for {@link searchAssumes}.
 *
 * - K1 at most `callsMax` calls; `isComplete` is false when they did not suffice
 * - K2 `%` and `_` stand for other characters in a search: what holds of such a text holds of the key too, but there is no end of
 *   texts that match by them. They are tried only beside characters beside which they stand in a key that was found
 */

/** Rows of one reply. */
export const foundMax = 50

/** The key that no search of this server can rule out. */
export const searchAssumes =
  'a key of which every part is in fifty others, and which has a character beyond ASCII, a place of "_" or "%", or a spelling in capitals that no found key has'

/** ASCII letters are found in either case; what stands for others is taken from keys that were found. */
const alphabet = [...' !"#$&\'()*+,-./0123456789:;<=>?@[\\]^`abcdefghijklmnopqrstuvwxyz{|}~']
const wildcards: ReadonlySet<string> = new Set(['%', '_'])
/** A crowded text is tried as a key in so many spellings. */
const spellingsMax = 8

export interface KeySearchHands {
  /** The keys of the rows, each row as often as it is there; null: the server could not answer this one. Counts as crowded. */
  search(text: string): Promise<readonly string[] | null>
  /** Whether there is this very key; what it holds is for the caller to keep. */
  look(key: string): Promise<unknown>
  readonly callsMax: number
}

export class KeySearch {
  readonly #hands: KeySearchHands
  readonly #keys = new Set<string>()
  readonly #queued = new Set<string>()
  readonly #queue: string[] = []
  /** Texts that have to wait until a key shows their wildcards beside these characters. */
  #unseen: string[] = []
  readonly #pairs = new Set<string>()
  readonly #crowdedByHead = new Map<string, Set<string>>()
  readonly #crowdedByTail = new Map<string, Set<string>>()
  #calls = 0

  constructor(hands: KeySearchHands) {
    this.#hands = hands
  }

  get calls(): number {
    return this.#calls
  }

  /** @param known keys that were found already. */
  async run(known: Iterable<string>): Promise<{ readonly isComplete: boolean }> {
    for (const character of alphabet) this.#ask(character)
    for (const key of known) this.#learn(key)
    for (let at = 0; ; at++) {
      if (at === this.#queue.length && !this.#askUnseen()) return { isComplete: true }
      // What a crowded text costs: itself, and its spellings as keys.
      if (this.#calls + 1 + spellingsMax > this.#hands.callsMax) return { isComplete: false }
      await this.#take(this.#queue[at] as string)
    }
  }

  async #take(text: string): Promise<void> {
    // A wildcard by itself matches whatever there is.
    const rows = wildcards.has(text) ? null : await this.#search(text)
    for (const key of rows ?? []) this.#learn(key)
    if (rows !== null && rows.length < foundMax) return
    for (const key of this.#spellings(text, rows ?? [])) {
      if (this.#keys.has(key)) continue
      this.#calls++
      if (await this.#hands.look(key)) this.#learn(key)
    }
    this.#join(text)
  }

  #search(text: string): Promise<readonly string[] | null> {
    this.#calls++
    return this.#hands.search(text)
  }

  /** Asks for every text that is one character longer and of which `text` and another crowded text are the two ends. */
  #join(text: string): void {
    const characters = [...text]
    const head = characters.slice(0, -1).join('')
    const tail = characters.slice(1).join('')
    add(this.#crowdedByHead, head, text)
    add(this.#crowdedByTail, tail, text)
    for (const other of this.#crowdedByHead.get(tail) ?? []) this.#ask(text + ([...other].at(-1) as string))
    for (const other of this.#crowdedByTail.get(head) ?? []) this.#ask(([...other][0] as string) + text)
  }

  #ask(text: string): void {
    if (this.#queued.has(text)) return
    this.#queued.add(text)
    if (this.#isSeen(text)) this.#queue.push(text)
    else this.#unseen.push(text)
  }

  #learn(key: string): void {
    if (this.#keys.has(key)) return
    this.#keys.add(key)
    const characters = [...lowered(key)]
    for (const [index, character] of characters.entries()) {
      this.#ask(character)
      const pair = character + (characters[index + 1] ?? '')
      if (hasWildcard(pair)) this.#pairs.add(pair)
    }
  }

  #isSeen(text: string): boolean {
    if (!hasWildcard(text)) return true
    const characters = [...text]
    return characters.slice(1).every((character, index) => {
      const pair = `${characters[index]}${character}`
      return !hasWildcard(pair) || this.#pairs.has(pair)
    })
  }

  #askUnseen(): boolean {
    const seen = this.#unseen.filter((text) => this.#isSeen(text))
    this.#unseen = this.#unseen.filter((text) => !this.#isSeen(text))
    this.#queue.push(...seen)
    return seen.length > 0
  }

  /** As it is, in capitals, and as it stands in the keys that were just found. */
  #spellings(text: string, keys: readonly string[]): Iterable<string> {
    const spellings = new Set([text, text.toUpperCase()])
    for (const key of keys) {
      const from = lowered(key).indexOf(text)
      if (from !== -1 && spellings.size < spellingsMax) spellings.add(key.slice(from, from + text.length))
    }
    return spellings
  }
}

function lowered(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function hasWildcard(text: string): boolean {
  return text.includes('_') || text.includes('%')
}

function add(map: Map<string, Set<string>>, key: string, text: string): void {
  const texts = map.get(key)
  if (texts === undefined) map.set(key, new Set([text]))
  else texts.add(text)
}

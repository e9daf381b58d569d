import { describe, expect, it } from 'vitest'
import { KeyCensus, listChangedDelayMs } from '../../src/mcp/key-census.ts'
import type { MemoryChange, MemoryItem } from '../../src/runtime/memory.ts'
import { createVirtualClock } from '../../src/testing/virtual-clock.ts'

/** A memory that says what the test says. */
class ToldMemory {
  listener: ((change: MemoryChange) => unknown) | null = null
  #release: () => void = () => {}
  readonly #keys: readonly string[]
  readonly #scanning = new Promise<void>((resolve) => {
    this.#release = resolve
  })

  constructor(...keys: string[]) {
    this.#keys = keys
  }

  subscribe(_: string, listener: (change: MemoryChange) => unknown): () => void {
    this.listener = listener
    return () => {
      this.listener = null
    }
  }

  async *list(): AsyncGenerator<MemoryItem> {
    await this.#scanning
    for (const key of this.#keys) yield { key } as MemoryItem
  }

  /** Lets the scan run. */
  scan(): void {
    this.#release()
  }

  tell(type: 'set' | 'delete', key: string): void {
    this.listener?.({ type, key } as MemoryChange)
  }
}

function counted(...keys: string[]) {
  const clock = createVirtualClock()
  const memory = new ToldMemory(...keys)
  let told = 0
  const end = new KeyCensus(memory, clock).listen(() => told++)
  return { clock, memory, end, told: () => told }
}

describe('the census of keys', () => {
  it('tells once of keys that came and went together, and not of values that were overwritten', async () => {
    const { clock, memory, told } = counted('a', 'b')
    memory.scan()
    await clock.settle()
    memory.tell('set', 'a')
    await clock.advance(10 * listChangedDelayMs)
    expect(told()).toBe(0)
    memory.tell('set', 'c')
    memory.tell('set', 'd')
    memory.tell('delete', 'b')
    expect(told()).toBe(0)
    await clock.advance(listChangedDelayMs)
    expect(told()).toBe(1)
    memory.tell('set', 'c')
    memory.tell('delete', 'unknown')
    await clock.advance(listChangedDelayMs)
    expect(told()).toBe(1)
    memory.tell('delete', 'c')
    await clock.advance(listChangedDelayMs)
    expect(told()).toBe(2)
  })

  it('is not mistaken about a key that went while it was being counted', async () => {
    const { clock, memory, told } = counted('a')
    memory.tell('delete', 'a')
    memory.scan()
    await clock.settle()
    await clock.advance(listChangedDelayMs)
    expect(told()).toBe(1)
    memory.tell('set', 'a')
    await clock.advance(listChangedDelayMs)
    expect(told()).toBe(2)
  })

  it('leaves no timer and no subscription when nobody listens any more', async () => {
    const { clock, memory, end } = counted()
    memory.scan()
    await clock.settle()
    memory.tell('set', 'a')
    end()
    expect(clock.pending).toBe(0)
    expect(memory.listener).toBeNull()
  })
})

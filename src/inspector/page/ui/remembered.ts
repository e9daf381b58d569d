/**
 * What a user has set and finds again: one signal per name for the page's life, so that a pane that is left and entered again looks the
 * same. Sizes and views are kept on this machine as JSON; filters are not: tomorrow they would hide what is new.
 */
import { type Signal, signal } from '@preact/signals'
import { browser } from '../browser.ts'

const signalByName = new Map<string, Signal<unknown>>()
const filterByName = new Map<string, Signal<string>>()

/** The text of a filter, empty at first. */
export function filterText(name: string): Signal<string> {
  let known = filterByName.get(name)
  if (known === undefined) {
    known = signal('')
    filterByName.set(name, known)
  }
  return known
}

/**
 * @param initial its type decides what is taken back: what was kept with another type is forgotten. `remembered<'a' | 'b'>(…)` for one of
 * a few words: it may be another word, if an older page kept it.
 */
export function remembered(name: string, initial: number): Signal<number>
export function remembered(name: string, initial: boolean): Signal<boolean>
export function remembered<Value extends string = string>(name: string, initial: NoInfer<Value>): Signal<Value>
export function remembered(name: string, initial: string | number | boolean): Signal<unknown> {
  let known = signalByName.get(name)
  if (known === undefined) {
    known = signal(keptAs(name, initial))
    let isFirst = true
    known.subscribe((value) => {
      if (!isFirst) browser.keep(name, JSON.stringify(value))
      isFirst = false
    })
    signalByName.set(name, known)
  }
  return known
}

function keptAs(name: string, initial: unknown): unknown {
  const text = browser.kept(name)
  if (text === null) return initial
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === typeof initial ? value : initial
  } catch {
    return initial
  }
}

import { describe, expect, it } from 'vitest'
import { Contexts, contextsMin } from '../../src/runtime/contexts.ts'

describe('the contexts of keys', () => {
  it('join what is learned and never shrink', () => {
    const contexts = new Contexts()
    contexts.learn('k', { a: 2 })
    contexts.learn('k', { b: 1 })
    contexts.learn('k', { a: 1 })
    expect(contexts.get('k')).toEqual({ a: 2, b: 1 })
    contexts.learn('k', { a: 3, b: 1 })
    expect(contexts.get('k')).toEqual({ a: 3, b: 1 })
  })

  it('are refreshed for keys that matter here, and for no others', () => {
    const contexts = new Contexts()
    contexts.learn('mine', { a: 1 })
    for (const key of ['mine', 'foreign']) contexts.refresh(key, { b: 1 })
    expect(contexts.get('mine')).toEqual({ a: 1, b: 1 })
    expect(contexts.get('foreign')).toBeUndefined()
  })

  it('forget keys that were not used for long, and keep those that are', () => {
    const contexts = new Contexts()
    contexts.learn('used', { a: 1 })
    contexts.learn('left', { a: 1 })
    for (let index = 0; index < 3 * contextsMin; index++) {
      contexts.learn(`k${index}`, { a: index })
      if (index % (contextsMin / 2) === 0) contexts.learn('used', { a: 1 })
    }
    expect(contexts.get('used')).toEqual({ a: 1 })
    expect(contexts.get('left')).toBeUndefined()
    expect(contexts.get(`k${2 * contextsMin + 1}`)).toEqual({ a: 2 * contextsMin + 1 })
  })
})

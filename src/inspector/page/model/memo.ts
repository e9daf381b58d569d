/** Answers that are kept as long as the object that they are about. Knows nothing of what is asked. */

/**
 * For what is worked out from an object that never changes under one identity, and from a few plain values beside it: for each object
 * the answer for the last values is kept.
 */
export function onceFor<Key extends object, Rest extends readonly (string | number | null)[], Answer>(
  answer: (key: Key, ...rest: Rest) => Answer,
): (key: Key, ...rest: Rest) => Answer {
  const answerByKey = new WeakMap<Key, { readonly rest: Rest; readonly answer: Answer }>()
  return (key, ...rest) => {
    let known = answerByKey.get(key)
    if (known === undefined || known.rest.some((value, index) => value !== rest[index])) {
      known = { rest, answer: answer(key, ...rest) }
      answerByKey.set(key, known)
    }
    return known.answer
  }
}

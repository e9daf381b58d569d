/** Answers that are kept as long as the object that they are about. Knows nothing of what is asked. */
import { keySetOf } from './shared-map.ts'

type Plain = readonly (string | number | null)[]

/**
 * For what is worked out from an object that never changes under one identity, and from a few plain values beside it: for each object
 * the answer for the last values is kept.
 */
export function onceFor<Subject extends object, Rest extends Plain, Answer>(
  answer: (subject: Subject, ...rest: Rest) => Answer,
): (subject: Subject, ...rest: Rest) => Answer {
  return onceForEach((subject) => subject, answer)
}

/** As {@link onceFor}, for what is worked out from the keys of a map alone: it is kept as long as no key comes or goes. */
export function onceForKeys<Rest extends Plain, Answer>(
  answer: (map: ReadonlyMap<string, unknown>, ...rest: Rest) => Answer,
): (map: ReadonlyMap<string, unknown>, ...rest: Rest) => Answer {
  return onceForEach(keySetOf, answer)
}

function onceForEach<Subject extends object, Rest extends Plain, Answer>(
  identityOf: (subject: Subject) => object,
  answer: (subject: Subject, ...rest: Rest) => Answer,
): (subject: Subject, ...rest: Rest) => Answer {
  const answers = new WeakMap<object, { readonly rest: Rest; readonly answer: Answer }>()
  return (subject, ...rest) => {
    const identity = identityOf(subject)
    let known = answers.get(identity)
    if (known === undefined || known.rest.some((value, index) => value !== rest[index])) {
      known = { rest, answer: answer(subject, ...rest) }
      answers.set(identity, known)
    }
    return known.answer
  }
}

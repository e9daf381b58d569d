/** Random patterns, each with a key that it often, but not always, matches. For tests of patterns; no tests in here. */
import fc from 'fast-check'

const letters = fc.array(fc.constantFrom('a', 'b', '.', '+', '😀'), { minLength: 1, maxLength: 4 }).map((each) => each.join(''))
const keySegment = fc.oneof(fc.constantFrom('a', 'b', 'ab', 'aa', 'ba'), letters)
const patternSegment = fc.oneof(
  { weight: 3, arbitrary: keySegment },
  fc.constantFrom('*', '**', 'a*', '*a', 'a*b', '*a*', 'a*a', '***', 'a**b'),
  fc.array(fc.constantFrom('a', 'b', '*', '.'), { minLength: 1, maxLength: 5 }).map((each) => each.join('')),
)
const pattern = fc.array(patternSegment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('/'))
const anyKey = fc.array(keySegment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('/'))

/** Puts something for each wildcard; now and then something that does not fit. */
const keyLike = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      ...text.split('/').map((segment) =>
        segment === '**'
          ? fc.array(keySegment, { maxLength: 3 })
          : fc.array(fc.oneof(fc.constantFrom('', 'a', 'b', 'ba'), letters), { minLength: 6, maxLength: 6 }).map((fillings) => {
              const filled = segment.split('*').reduce((sum, part, index) => sum + (fillings[index] ?? '') + part)
              return filled === '' ? [] : [filled]
            }),
      ),
    )
    .map((parts) => parts.flat().join('/') || 'a')

export const patternAndKey: fc.Arbitrary<readonly [pattern: string, key: string]> = pattern.chain((text) =>
  fc.tuple(fc.constant(text), fc.oneof({ weight: 3, arbitrary: keyLike(text) }, anyKey)),
)

/** Two values member by member: only what is not the same. */
import { useMemo } from 'preact/hooks'
import type { Json } from '../../../domain/json.ts'
import { differences } from '../model/selectors.ts'

export interface DifferencesProps {
  /** undefined: there is none. */
  readonly before: Json | undefined
  readonly after: Json | undefined
  /** Said when there is none. */
  readonly same: string
}

export function Differences({ before, after, same }: DifferencesProps) {
  const { list, isCut } = useMemo(() => differences(before, after), [before, after])
  if (list.length === 0) return <p class="faint">{same}</p>
  return (
    <>
      <table class="differences">
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {list.map((difference) => (
            <tr key={difference.path}>
              <th scope="row">{difference.path === '' ? '(the value)' : difference.path}</th>
              <Side value={difference.before} class="is-before" />
              <Side value={difference.after} class="is-after" />
            </tr>
          ))}
        </tbody>
      </table>
      {isCut && <p class="faint">There are more differences than are shown.</p>}
    </>
  )
}

/** Longer values are shown by their beginning. */
const textMax = 400

function Side({ value, class: name }: { readonly value: Json | undefined; readonly class: string }) {
  if (value === undefined) return <td class="is-nothing">–</td>
  const text = JSON.stringify(value)
  return <td class={name}>{text.length > textMax ? `${text.slice(0, textMax).toWellFormed()}…` : text}</td>
}

/** A version vector as bars: for each writer how many of its writes the value has seen, the writer of this version marked. */
import type { Version } from '../../../domain/version-vector.ts'
import { countText } from '../ui/format.ts'

/** Writers shown, those with the most writes; a vector may name hundreds. */
export const vectorRowsMax = 24

export function VersionVector({ version, writer }: { readonly version: Version; readonly writer: string }) {
  const counters = Object.entries(version).sort(([a, x], [b, y]) => Number(b === writer) - Number(a === writer) || y - x)
  const most = Math.max(1, ...counters.map(([, counter]) => counter))
  const left = counters.length - vectorRowsMax
  return (
    <>
      <table class="vector">
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Writer</th>
            <th scope="col">Writes seen</th>
          </tr>
        </thead>
        <tbody>
          {counters.slice(0, vectorRowsMax).map(([worker, counter]) => (
            <tr key={worker} class={worker === writer ? 'vector-row is-writer' : 'vector-row'}>
              <th scope="row" class="vector-writer cut" title={worker}>
                {worker}
              </th>
              <td class="vector-bar" aria-hidden="true">
                <span class="vector-fill" style={{ width: `${(100 * counter) / most}%` }} />
              </td>
              <td class="vector-count">{countText(counter)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && <p class="faint">and {countText(left)} more writers</p>}
      {counters.length === 0 && (
        <p class="faint">It says of no writer that it had seen anything: it was written by another program.</p>
      )}
    </>
  )
}

/** In one line: `alpha 12 · beta 7`, the writer first. */
export function vectorText(version: Version, writer: string): string {
  const counters = Object.entries(version).sort(([a, x], [b, y]) => Number(b === writer) - Number(a === writer) || y - x)
  const shown = counters.slice(0, 4).map(([worker, counter]) => `${worker} ${counter}`)
  return counters.length > 4 ? `${shown.join(' · ')} · …` : shown.join(' · ')
}

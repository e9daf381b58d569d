/** Conflicts of one key: the values of those who had not seen each other's, the rule that decided, and what came of it. */
import { canonicalJson, type Json } from '../../../domain/json.ts'
import { type ConflictRecord, isCut } from '../../../wire/trace-record.ts'
import { Badge } from '../ui/badge.tsx'
import { JsonView } from '../ui/json-view.tsx'
import { Time } from '../ui/time.tsx'
import { vectorText } from './version-vector.tsx'

export function MemoryConflicts({ conflicts }: { readonly conflicts: readonly ConflictRecord[] }) {
  return (
    <ol class="conflicts">
      {conflicts
        .map((conflict) => (
          <li key={`${conflict.source} ${conflict.seq}`} class="conflict">
            <header class="conflict-head">
              <Time atMs={conflict.atMs} />
              <strong class="conflict-rule">{ruleText(conflict.strategy)}</strong>
              <Badge tone={conflict.discarded > 0 ? 'waiting' : 'good'}>
                {conflict.discarded > 0 ? `${conflict.discarded} of ${conflict.sides.length} discarded` : 'nothing lost'}
              </Badge>
            </header>
            <div class="conflict-sides">
              {conflict.sides.map((side) => (
                <section
                  key={`${side.workerId} ${side.version[side.workerId] ?? 0}`}
                  class="conflict-side"
                  aria-label={`Side of ${side.workerId}`}
                >
                  <h4 class="conflict-side-head">
                    <span class="cut">{side.workerId}</span>
                    {isSameValue(side.value, conflict.resolved) && <Badge tone="good">is the result</Badge>}
                  </h4>
                  <p class="faint cut" title="What it had seen">
                    {vectorText(side.version, side.workerId)}
                  </p>
                  <JsonView value={side.value} label={`Value of ${side.workerId}`} />
                </section>
              ))}
            </div>
            <section class="conflict-result" aria-label="Result">
              <h4 class="conflict-side-head">Result</h4>
              <JsonView value={conflict.resolved} label="Result" />
            </section>
          </li>
        ))
        .reverse()}
    </ol>
  )
}

/** The rule in words; a user's own rule has no better name than its own. */
export function ruleText(strategy: string): string {
  switch (strategy) {
    case 'last-write-wins':
      return 'The last write won'
    case 'merge':
      return 'The values were merged'
    case 'custom':
      return 'The resolver of the runtime decided'
    default:
      return `Decided by “${strategy}”`
  }
}

function isSameValue(a: ConflictRecord['resolved'], b: ConflictRecord['resolved']): boolean {
  return !isCut(a) && !isCut(b) && canonicalJson(a as Json) === canonicalJson(b as Json)
}

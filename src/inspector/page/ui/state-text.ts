/** State values in words, and which colour a state has. Pure. */
import type { Json } from '../../../domain/json.ts'

/** `processing`, `loading.retrying`, regions of parallel states side by side: `upload.busy + network.online`. Null: `–`. */
export function stateText(state: Json): string {
  return leavesOf(state).join(' + ') || '–'
}

function leavesOf(state: Json): string[] {
  if (state === null) return []
  if (typeof state !== 'object') return [String(state)]
  const leaves: string[] = []
  for (const [name, inner] of Object.entries(state)) {
    const deeper = leavesOf(inner as Json)
    if (deeper.length === 0) leaves.push(name)
    else for (const leaf of deeper) leaves.push(`${name}.${leaf}`)
  }
  return leaves
}

/** Colours of states: work going on, waiting for something, at rest, a good end, a bad end; `plain`: unknown names. */
export type Tone = 'active' | 'waiting' | 'rest' | 'good' | 'bad' | 'plain'

const toneByName: Readonly<Record<string, Tone>> = Object.assign(Object.create(null) as Record<string, Tone>, {
  processing: 'active',
  busy: 'active',
  saturated: 'active',
  held: 'active',
  committing: 'active',
  renewing: 'active',
  running: 'active',
  active: 'active',
  live: 'active',
  push: 'active',
  poll: 'active',
  pending: 'waiting',
  blocked: 'waiting',
  backingOff: 'waiting',
  claiming: 'waiting',
  settling: 'waiting',
  waiting: 'waiting',
  acquiring: 'waiting',
  releasing: 'waiting',
  starting: 'waiting',
  draining: 'waiting',
  gathering: 'waiting',
  connecting: 'waiting',
  catchingUp: 'waiting',
  halfOpen: 'waiting',
  retrying: 'waiting',
  loading: 'waiting',
  idle: 'rest',
  free: 'rest',
  closed: 'rest',
  stopped: 'rest',
  cancelled: 'rest',
  completed: 'good',
  done: 'good',
  released: 'good',
  success: 'good',
  failed: 'bad',
  lost: 'bad',
  gone: 'bad',
  error: 'bad',
  crashed: 'bad',
  open: 'bad',
  offline: 'bad',
  failure: 'bad',
})

/** By the innermost known name; of several regions the one that deserves attention first. */
export function toneOf(state: Json): Tone {
  let tone: Tone = 'plain'
  for (const leaf of leavesOf(state)) {
    const names = leaf.split('.').reverse()
    const known = names.find((name) => Object.hasOwn(toneByName, name))
    const found = known === undefined ? 'plain' : (toneByName[known] ?? 'plain')
    if (urgency.indexOf(found) > urgency.indexOf(tone)) tone = found
  }
  return tone
}

const urgency: readonly Tone[] = ['plain', 'rest', 'good', 'waiting', 'active', 'bad']

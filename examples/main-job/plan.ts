/**
 * The job as tasks: one per file, then one per shard and group of files, then one per shard. Later ones depend on earlier
 * ones, so nobody has to wait and submit: the queue knows the order. Owns ids, keys and inputs; runs nothing.
 */
import { createHash } from 'node:crypto'
import type { TaskSpec } from 'memory-sync'
import type { TextFile } from './files.ts'

/** Files that one partial merge takes. */
export const groupFilesMax = 64
/** A task has at most 100 effects, and a file's task has one per shard. */
export const shardsMax = 96
const shardsMin = 8
/** So much text gives index parts well below the 512 KiB that one entry may have. */
const shardTextBytes = 128 * 1024
/** A rare single large file, all of whose words differ, gives an index five times its size. */
const shardFileBytes = 64 * 1024

export interface FileInput {
  readonly job: string
  readonly file: number
  readonly path: string
  readonly shards: number
}

/** Merges what is at `from` and puts it at `to`. */
export interface MergeInput {
  readonly from: readonly string[]
  readonly to: string
}

export interface Plan {
  /** The same directory with the same files is the same job, and is continued where it was left. */
  readonly job: string
  readonly fileTasks: readonly TaskSpec[]
  readonly mergeTasks: readonly TaskSpec[]
  /** Where the parts of the finished index are. */
  readonly indexKeys: readonly string[]
}

export function planOf(files: readonly TextFile[]): Plan {
  const job = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 8)
  const shards = shardsFor(files)
  const retries = { maxAttempts: 5, backoff: { baseMs: 200 } }
  const fileTasks = files.map(({ path }, file): TaskSpec => {
    const input: FileInput = { job, file, path, shards }
    return { id: fileTaskId(job, file), type: 'index-file', input, ...retries }
  })
  const mergeTasks: TaskSpec[] = []
  const indexKeys: string[] = []
  const groups = Math.ceil(files.length / groupFilesMax)
  for (let shard = 0; shard < shards; shard++) {
    const groupIds: string[] = []
    for (let group = 0; group < groups; group++) {
      const first = group * groupFilesMax
      const members = [...files.slice(first, first + groupFilesMax).keys()].map((member) => first + member)
      const input: MergeInput = { from: members.map((file) => partKey(job, file, shard)), to: groupKey(job, group, shard) }
      const id = `${job}-merge-${shard}-group-${group}`
      groupIds.push(id)
      mergeTasks.push({ id, type: 'merge', input, dependsOn: members.map((file) => fileTaskId(job, file)), ...retries })
    }
    const to = `main-job/${job}/index/${shard}`
    const input: MergeInput = { from: groupIds.map((_, group) => groupKey(job, group, shard)), to }
    mergeTasks.push({ id: `${job}-merge-${shard}`, type: 'merge', input, dependsOn: groupIds, ...retries })
    indexKeys.push(to)
  }
  return { job, fileTasks, mergeTasks, indexKeys }
}

export function fileTaskId(job: string, file: number): string {
  return `${job}-file-${file}`
}

/** One file's part of one shard of the index. */
export function partKey(job: string, file: number, shard: number): string {
  return `main-job/${job}/files/${file}/${shard}`
}

function groupKey(job: string, group: number, shard: number): string {
  return `main-job/${job}/groups/${group}/${shard}`
}

function shardsFor(files: readonly TextFile[]): number {
  const all = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const largest = files.reduce((most, { bytes }) => Math.max(most, bytes), 0)
  const wanted = Math.max(Math.ceil(all / shardTextBytes), Math.ceil(largest / shardFileBytes), shardsMin)
  return Math.min(wanted, shardsMax)
}

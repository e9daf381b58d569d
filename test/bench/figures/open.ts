/** How long it takes to be there: the file store until it can be used, a new process until its first result. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RunFigure, row } from '../figure.ts'
import type { OpenTimes } from '../open-peer.ts'
import { scriptPath } from '../peer.ts'
import { alternate, inLanes } from '../rounds.ts'
import { endRuntime, entryOf, readyRuntime } from '../runtimes.ts'
import { withScratch } from '../scratch.ts'

const run = promisify(execFile)

export const open: RunFigure = (sizes) =>
  withScratch(async (directory) => {
    const old = join(directory, 'old')
    await fill(old, sizes.keysAtOpen, sizes.inFlight)
    const fresh = await alternate(sizes, {
      baseline: (round) => openOnce('lmdb', join(directory, `raw-${round}`)),
      ours: (round) => openOnce('runtime', join(directory, `new-${round}`)),
    })
    const again = await alternate(sizes, {
      baseline: () => openOnce('lmdb', join(directory, 'raw-0')),
      ours: () => openOnce('runtime', old),
    })
    const [opened, first] = [(times: OpenTimes) => times.openMs, (times: OpenTimes) => times.firstResultMs]
    return {
      rows: [
        row('lmdb alone, new directory, open', 'ms', fresh.baseline.map(opened)),
        row('file: new directory, open', 'ms', fresh.ours.map(opened)),
        row(`file: ${sizes.keysAtOpen} keys, open`, 'ms', again.ours.map(opened)),
        row('lmdb alone, process start to first put', 'ms', fresh.baseline.map(first)),
        row('file: new directory, process start to first result', 'ms', fresh.ours.map(first)),
        row(`file: ${sizes.keysAtOpen} keys, process start to first result`, 'ms', again.ours.map(first)),
      ],
      notes: [
        'A new process of plain Node per sample, on built code. Open: from createRuntime, with everything imported, to ready(); for lmdb alone its import and open. First result: of a task that the same process submits.',
        "The files were just written, so they are in the system's page cache.",
      ],
    }
  })

async function openOnce(kind: 'runtime' | 'lmdb', directory: string): Promise<OpenTimes> {
  const startNs = process.hrtime.bigint()
  const { stdout } = await run(process.execPath, [scriptPath('open-peer'), kind, directory, String(startNs)])
  return JSON.parse(stdout) as OpenTimes
}

async function fill(directory: string, keys: number, inFlight: number): Promise<void> {
  const runtime = await readyRuntime(`file:${directory}`)
  const { value } = entryOf(1, 1)
  await inLanes(inFlight, keys, (index) => runtime.memory.set(`bench/documents/${index}/state`, value))
  await endRuntime(runtime)
}

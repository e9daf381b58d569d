/** Runs every numbered example in a process of its own and says which failed. `npm run examples` */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** An example that takes longer hangs. */
const exampleMsMax = 30_000

const directory = fileURLToPath(new URL('.', import.meta.url))
const names = (await readdir(directory)).filter((name) => /^\d\d-.*\.ts$/.test(name)).sort()
let failures = 0
for (const name of names) {
  const startedMs = performance.now()
  const example = spawn(process.execPath, [...process.execArgv, `${directory}${name}`], {
    timeout: exampleMsMax,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [example.stdout, example.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = await once(example, 'close')
  const isOk = code === 0 && /^ok /m.test(output)
  const line = output.split('\n').find((text) => text.startsWith('ok '))
  console.log(
    `${isOk ? 'ok    ' : 'failed'} ${name.padEnd(32)} ${String(Math.round(performance.now() - startedMs)).padStart(6)} ms`,
  )
  if (isOk && line !== undefined) continue
  failures++
  console.log(output.replace(/^/gm, '       '))
}
console.log(failures === 0 ? `all ${names.length} examples are ok` : `${failures} of ${names.length} examples failed`)
process.exitCode = failures === 0 ? 0 : 1

/** Runs a script of this repository from its sources, as `npm start` does, and gives what it said. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** @param onStderr Hears what the script has said on stderr so far, and may send it a signal. */
export async function runScript(
  script: string,
  args: readonly string[] = [],
  onStderr: (said: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
): Promise<Ran> {
  const child = spawn(process.execPath, ['--conditions=memory-sync:source', '--import', 'tsx', script, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, INIT_CWD: root },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onStderr(stderr, (signal) => child.kill(signal))
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

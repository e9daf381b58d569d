/** Opens an address in the browser of the user, where there is one. Knows nothing of what is there. */
import { spawn } from 'node:child_process'
import { platform } from 'node:os'

/** Lists of processes show arguments to everybody: the URL must be worth nothing once it was visited. */
export function openBrowser(url: string, failed: () => void): void {
  const [program, ...before] =
    platform() === 'darwin' ? ['open'] : platform() === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open']
  const child = spawn(program as string, [...before, url], { stdio: 'ignore', detached: true })
  child.on('error', failed)
  child.on('exit', (code) => (code === 0 || code === null ? undefined : failed()))
  child.unref()
}

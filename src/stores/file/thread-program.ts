/**
 * What the store's thread runs. Built, it is the JavaScript file beside this one. In the sources it is TypeScript, which a plain
 * thread of Node 20 cannot load and for which a loader takes longer (0.2 s) than bundling the few files once (0.02 s).
 */
import { fileURLToPath } from 'node:url'

export interface ThreadProgram {
  readonly file: URL | string
  /** `file` is the program itself. */
  readonly isText: boolean
}

let bundled: Promise<ThreadProgram> | null = null

export function threadProgram(): Promise<ThreadProgram> {
  if (!import.meta.url.endsWith('.ts')) {
    return Promise.resolve({ file: new URL('./thread.js', import.meta.url), isText: false })
  }
  bundled ??= bundle()
  return bundled
}

async function bundle(): Promise<ThreadProgram> {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./thread.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    external: ['lmdb'],
    logLevel: 'silent',
  })
  // A program without a file has no place from which packages are found: this one's.
  const place = JSON.stringify(import.meta.url)
  const text = `((require) => {\n${outputFiles[0]?.text}\n})(require('node:module').createRequire(${place}))`
  return { file: text, isText: true }
}

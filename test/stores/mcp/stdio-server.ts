/** Commands that serve over stdio: programs of `fixtures/`, each bundled once, so that a process starts in a moment. */
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Beside the packages, so that the bundles find them. */
const directory = fileURLToPath(new URL('../../../node_modules/.cache/memory-sync-test/', import.meta.url))

const bundles = new Map<string, Promise<string>>()

/** @param name of a program in `fixtures/` */
export async function stdioServer(name = 'serve-memory', ...args: string[]): Promise<{ command: string; args: string[] }> {
  let bundle = bundles.get(name)
  if (bundle === undefined) {
    bundle = bundled(name)
    bundles.set(name, bundle)
  }
  return { command: process.execPath, args: [await bundle, ...args] }
}

async function bundled(name: string): Promise<string> {
  mkdirSync(directory, { recursive: true })
  const entryPoint = fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url))
  const outfile = `${directory}${name}-${process.pid}.mjs`
  await build({
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    external: ['lmdb', 'esbuild'],
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  process.on('exit', () => rmSync(outfile, { force: true }))
  return outfile
}

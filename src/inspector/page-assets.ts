/**
 * The files of the page: those that were built beside this module, or, where this is a source, built now. Read once, served from
 * memory: no path of a request ever reaches the disk. Knows no request.
 */
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { MemorySyncError } from '../domain/errors.ts'

export interface Asset {
  readonly bytes: Uint8Array
  /** For `Content-Type`. */
  readonly type: string
}

/** By path of the address: `/index.html`, `/assets/…`. */
export type Page = ReadonlyMap<string, Asset>

const typeByExtension: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

let once: Promise<Page> | null = null

/** @throws `not_supported` when it was never built and cannot be built here */
export function loadPage(): Promise<Page> {
  once ??= load().catch((thrown: unknown) => {
    // Whoever repairs it need not start again.
    once = null
    throw thrown
  })
  return once
}

async function load(): Promise<Page> {
  const isSource = import.meta.url.endsWith('.ts')
  const files = isSource ? await (await import('./page-build.ts')).buildPage() : await readBuilt()
  return pageOf(files)
}

/** What is no part of the page is left out. @throws `not_supported` when the first file is missing */
export function pageOf(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Page {
  const page = new Map<string, Asset>()
  for (const { name, bytes } of files) {
    const type = typeByExtension[extname(name)]
    const isOfPage = name === 'index.html' || name.startsWith('assets/') || name.endsWith('.txt')
    if (type !== undefined && isOfPage) page.set(`/${name}`, { bytes, type })
  }
  if (!page.has('/index.html')) {
    throw new MemorySyncError('not_supported', `the inspector's page is not built: run "npm run build" in the package`)
  }
  return page
}

async function readBuilt() {
  const folder = new URL('./page/', import.meta.url)
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const files = names.map((name) => name.replaceAll('\\', '/')).filter((name) => extname(name) in typeByExtension)
  return Promise.all(files.map(async (name) => ({ name, bytes: await readFile(new URL(name, folder)) })))
}

/**
 * The licences of what is bundled into the page, as one file beside it. A package that nobody listed here breaks the build: its licence
 * must be read by a person first.
 */
import { readFileSync } from 'node:fs'
import type { Plugin } from 'vite'

export const noticesFile = 'THIRD-PARTY-NOTICES.txt'

/** File of the licence by package. */
const licences: Readonly<Record<string, string>> = {
  '@preact/signals': 'LICENSE',
  '@preact/signals-core': 'LICENSE',
  elkjs: 'LICENSE.md',
  preact: 'LICENSE',
  uplot: 'LICENSE',
}

const packages = new URL('../../../node_modules/', import.meta.url)

export function thirdPartyNotices(): Plugin {
  return {
    name: 'third-party-notices',
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        const sources = file.type === 'chunk' ? file.moduleIds : file.originalFileNames
        for (const name of sources.map(packageOf)) {
          if (name === null || Object.hasOwn(licences, name)) continue
          throw new Error(`the page bundles ${name}: read its licence and list it in third-party-notices.ts`)
        }
      }
      this.emitFile({ type: 'asset', fileName: noticesFile, source: noticesText() })
    },
  }
}

function noticesText(): string {
  const parts = Object.entries(licences).map(([name, file]) => {
    const read = (path: string): string => readFileSync(new URL(`${name}/${path}`, packages), 'utf8')
    const { version, license } = JSON.parse(read('package.json')) as { version: string; license: string }
    const source = `https://www.npmjs.com/package/${name}/v/${version}`
    return `${name} ${version} (${license})\nUnchanged; its source: ${source}\n\n${read(file).trim()}\n`
  })
  return `The page of the memory-sync inspector contains the following packages.\n\n${parts.join(`\n${'='.repeat(80)}\n\n`)}`
}

function packageOf(path: string): string | null {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path) ?? []
  return name ?? null
}

/**
 * How the page is built: files of its own beside `index.html`, nothing inline, nothing from elsewhere, and the notices of what is in
 * them. Runs in Node; the page does not know it.
 */
import { fileURLToPath } from 'node:url'
import type { UserConfig } from 'vite'
import { thirdPartyNotices } from './third-party-notices.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

const config: UserConfig = {
  root: here,
  // It is served at whatever port, and may be opened from a file.
  base: './',
  publicDir: false,
  logLevel: 'warn',
  // Whatever the environment of who builds it says.
  mode: 'production',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false } },
  worker: { format: 'es' },
  plugins: [thirdPartyNotices()],
  build: {
    outDir: fileURLToPath(new URL('../../../dist/src/inspector/page/', import.meta.url)),
    // `npm run build` has emptied it; what else is built into it stays.
    emptyOutDir: false,
    target: 'es2022',
    sourcemap: false,
    // The page's policy lets nothing inline run or load.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
}

export default config

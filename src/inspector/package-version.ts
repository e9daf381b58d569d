/** The version of the package that this file is part of, as source or built. Knows nothing else of the package. */
import { readFileSync } from 'node:fs'

export function packageVersion(): string {
  for (let place = new URL('./', import.meta.url); ; place = new URL('../', place)) {
    try {
      const { version } = JSON.parse(readFileSync(new URL('package.json', place), 'utf8')) as { version: string }
      return version
    } catch {
      if (place.pathname === '/') return 'unknown'
    }
  }
}

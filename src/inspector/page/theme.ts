/** Light or dark: as the system prefers, until the user says otherwise. The root's `data-theme` tells the style sheets which. */
import { effect } from '@preact/signals'
import type { Browser } from './browser-port.ts'
import { remembered } from './ui/remembered.ts'

export type Theme = 'system' | 'light' | 'dark'

/** What the user has chosen. */
export function chosenTheme() {
  return remembered<Theme>('theme', 'system')
}

/** The theme that is shown, for as long as the page lives. */
export function followTheme(browser: Browser, root: { readonly dataset: Record<string, string | undefined> }): void {
  const apply = (): void => {
    const theme = chosenTheme().value
    root.dataset.theme = theme === 'system' ? (browser.prefersDark() ? 'dark' : 'light') : theme
  }
  effect(apply)
  browser.onPreference(apply)
}

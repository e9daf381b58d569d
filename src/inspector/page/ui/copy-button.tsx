/** Puts a text on the clipboard, and says for a moment that it did. */
import { useEffect, useState } from 'preact/hooks'
import { browser } from '../browser.ts'
import { Icon } from './icon.tsx'

const saidMs = 1500

export function CopyButton({ text, label = 'Copy' }: { readonly text: string | (() => string); readonly label?: string }) {
  const [said, setSaid] = useState<'copied' | 'refused' | null>(null)
  useEffect(() => (said === null ? undefined : browser.after(saidMs, () => setSaid(null))), [said])
  const copy = (): void => {
    browser.copy(typeof text === 'string' ? text : text()).then(
      () => setSaid('copied'),
      () => setSaid('refused'),
    )
  }
  const word = said === 'copied' ? 'Copied' : said === 'refused' ? 'The browser refused' : label
  return (
    <button type="button" class="button is-quiet is-icon" title={word} aria-label={word} onClick={copy}>
      <Icon name={said === 'copied' ? 'check' : said === 'refused' ? 'warn' : 'copy'} />
    </button>
  )
}

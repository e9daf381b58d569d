/** The page's keys: what each does, in words for the help and as a command. Pure. */

export type ShellCommand =
  | { readonly type: 'pane'; readonly index: number }
  | { readonly type: 'filter' | 'help' | 'close' | 'pause' | 'live' }
  | { readonly type: 'step' | 'mark'; readonly by: 1 | -1 }

export const shortcuts: readonly { readonly keys: readonly string[]; readonly does: string }[] = [
  { keys: ['1', '…', '9'], does: 'Go to a pane' },
  { keys: ['/'], does: 'Go to the filter' },
  { keys: ['↑', '↓', 'PgUp', 'PgDn', 'Home', 'End'], does: 'Move in a list' },
  { keys: ['←', '→'], does: 'Fold and unfold in a tree' },
  { keys: ['Enter'], does: 'Open what is chosen' },
  { keys: ['Space'], does: 'Stop at this moment, or go on live' },
  { keys: [',', '.'], does: 'One record back, one on' },
  { keys: ['[', ']'], does: 'To the mark before on the time bar, to the next' },
  { keys: ['L'], does: 'Back to live' },
  { keys: ['Esc'], does: 'Empty the filter, close the details' },
  { keys: ['?'], does: 'This list' },
]

export interface PressedKey {
  readonly key: string
  readonly ctrlKey: boolean
  readonly altKey: boolean
  readonly metaKey: boolean
}

/** @param where in a text field keys are letters, and on a button Space presses it. */
export function shellCommand(pressed: PressedKey, where: 'text' | 'button' | 'other'): ShellCommand | null {
  const { key } = pressed
  if (pressed.ctrlKey || pressed.altKey || pressed.metaKey || where === 'text') return null
  if (/^[1-9]$/.test(key)) return { type: 'pane', index: Number(key) - 1 }
  switch (key) {
    case '/':
      return { type: 'filter' }
    case '?':
      return { type: 'help' }
    case 'Escape':
      return { type: 'close' }
    case ' ':
      return where === 'button' ? null : { type: 'pause' }
    case ',':
      return { type: 'step', by: -1 }
    case '.':
      return { type: 'step', by: 1 }
    case '[':
      return { type: 'mark', by: -1 }
    case ']':
      return { type: 'mark', by: 1 }
    case 'l':
    case 'L':
      return { type: 'live' }
    default:
      return null
  }
}

/** The page's icons: one stroke of 1.5 on a grid of 16, in the colour of the text around them. Decoration: labels say what they mean. */

const pathByName = {
  actors:
    'M8 2.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4ZM3.5 9.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4Zm9 0a2 2 0 1 1 0 4 2 2 0 0 1 0-4ZM7 6.5 4.5 9.7M9 6.5l2.5 3.2',
  chart: 'M2.5 2.5h4v3.5h-4zM9.5 10h4v3.5h-4zM6.5 4.2h3a2 2 0 0 1 2 2V10M9.8 8.4l1.7 1.7 1.7-1.7',
  sequence: 'M3.5 2v12M12.5 2v12M3.5 5.5h7M9 4l1.7 1.5L9 7M12.5 10.5h-7M7 9l-1.7 1.5L7 12',
  log: 'M2.5 3.5h1M6 3.5h7.5M2.5 8h1M6 8h7.5M2.5 12.5h1M6 12.5h7.5',
  memory:
    'M2.5 4c0-1.1 2.5-2 5.5-2s5.5.9 5.5 2-2.5 2-5.5 2-5.5-.9-5.5-2Zm0 0v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2',
  tasks: 'M2.5 4 3.7 5.2 6 2.9M2.5 11l1.2 1.2L6 9.9M8.5 4h5M8.5 11h5',
  workers: 'M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14',
  locks: 'M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2',
  plots: 'M2.5 2.5v11h11M4.5 10.5l2.5-3.5 2.5 2 3.5-5',
  play: 'M5 3.2v9.6l7.5-4.8z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  stepOn: 'M4.5 3.5v9M7.5 4.5v7l5-3.5z',
  stepBack: 'M11.5 3.5v9M8.5 4.5v7l-5-3.5z',
  live: 'M8 6.3a1.7 1.7 0 1 1 0 3.4 1.7 1.7 0 0 1 0-3.4ZM4.6 4.6a4.8 4.8 0 0 0 0 6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8M2.7 2.7a7.5 7.5 0 0 0 0 10.6M13.3 2.7a7.5 7.5 0 0 1 0 10.6',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  close: 'M4 4l8 8M12 4l-8 8',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.3 10.3l3.2 3.2',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'M3 8.5l3.2 3.2L13 4.5',
  warn: 'M8 2.2 14.3 13.5H1.7zM8 6.5v3.2M8 11.3v.5',
  open: 'M2 12.5v-9h4l1.5 2H13v2M2 12.5l2-5h10.5l-2 5z',
  save: 'M8 2v7.5M5 6.7l3 3 3-3M2.5 10.5v3h11v-3',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z',
  help: 'M5.7 6a2.3 2.3 0 1 1 3.3 2.1c-.7.4-1 .8-1 1.6M8 12v.4',
  tree: 'M3.5 2.5v9.5h4M3.5 6.5h4M9.5 5h4v3h-4zM9.5 10.5h4v3h-4z',
  table: 'M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13',
  letter: 'M2.5 4h11v8.5h-11zM2.5 4.5 8 9l5.5-4.5',
  send: 'M2.5 8h10M9 4.5 12.5 8 9 11.5',
} as const

export type IconName = keyof typeof pathByName

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={pathByName[name]} />
    </svg>
  )
}

/** Starts the page: one app, one shell, the theme of the user. */
import { render } from 'preact'
import { browser } from './browser.ts'
import { createApp } from './create-app.ts'
import { Shell } from './shell.tsx'
import { followTheme } from './theme.ts'

const place = document.getElementById('page')
if (place !== null) {
  followTheme(browser, document.documentElement)
  const app = createApp(browser)
  render(<Shell app={app} />, place)
  app.connect()
}

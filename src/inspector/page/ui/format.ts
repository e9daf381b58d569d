/** How moments, spans, sizes and counts are written on the page. Pure; knows no clock. */

const two = (n: number): string => String(n).padStart(2, '0')

/** Time of day to the millisecond, local: `14:03:07.042`. */
export function clockText(atMs: number): string {
  const date = new Date(atMs)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** Date and time, local: `2025-11-25 14:03:07`. */
export function dateText(atMs: number): string {
  const date = new Date(atMs)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${clockText(atMs).slice(0, 8)}`
}

/** A span in its two largest units at most: `0.4 ms`, `38 ms`, `4.2 s`, `3 min 07 s`, `2 h 05 min`, `3 d 4 h`; negative ones with a minus. */
export function spanText(ms: number): string {
  if (ms < 0) return `−${spanText(-ms)}`
  if (ms < 10) return `${trim(ms.toFixed(1))} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** How long ago: `now`, `4 s ago`, `3 min ago`. Whole units, so that lists of ages stay calm. */
export function agoText(ms: number): string {
  if (ms < 1000) return 'now'
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s ago`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ago`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} d ago`
}

/** `512 B`, `4.0 kB`, `1.5 MB`: powers of 1024. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let size = bytes
  let unit = 0
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

/** `7`, `12 345`: a narrow space between thousands. */
export function countText(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

/** `1 actor`, `3 actors`. */
export function countOf(n: number, noun: string, plural = `${noun}s`): string {
  return `${countText(n)} ${n === 1 ? noun : plural}`
}

function trim(text: string): string {
  return text.endsWith('.0') ? text.slice(0, -2) : text
}

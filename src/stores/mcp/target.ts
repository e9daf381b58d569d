/** Where a memory server is, as values: by URL, as a command to start, or a client that somebody else has connected. */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'

export type Target =
  | { readonly type: 'http'; readonly url: URL; readonly token: string | undefined }
  | {
      readonly type: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      readonly env: Readonly<Record<string, string>>
    }
  | { readonly type: 'client'; readonly client: Client }

/** For people: without what may be secret. */
export function urlOf(target: Target): string {
  switch (target.type) {
    case 'http': {
      const { protocol, host, pathname } = target.url
      return `${protocol}//${host}${pathname}`
    }
    case 'stdio':
      return `mcp+stdio:${[target.command, ...target.args].join(' ')}`
    case 'client':
      return `mcp+client:${target.client.getServerVersion()?.name ?? ''}`
  }
}

/**
 * Resources: every live value as `memory://<namespace>/<key>`, listed in pages, read, and subscribed to. Owns one client's subscriptions.
 * Knows no tool.
 *
 * A notification is a dirty bit: it says that a value may have changed, not how. Who is told reads again.
 *
 * - R1 after the last change of a subscribed key the client is told at least once; while a notification waits in the client's queue, no
 *   second one of that key joins it
 * - R2 a client is told that the list changed only if it has read the list since it was told last
 */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type Resource,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { isLive } from '../domain/entry.ts'
import { MemorySyncError, quote } from '../domain/errors.ts'
import type { Stored } from '../ports/store.ts'
import { isClientText } from './client-text.ts'
import type { KeyCensus } from './key-census.ts'
import type { Namespaces, Place } from './namespaces.ts'
import { toldError } from './told-error.ts'
import type { ToolContext } from './tool-context.ts'

/** Resources in one page of the list. */
export const resourcesPageMax = 100

const scheme = 'memory://'
/** By the protocol: the resource does not exist. */
const resourceNotFound = -32_002

export function uriOf({ namespace, key }: Place): string {
  return `${scheme}${encodeURIComponent(namespace)}/${key.split('/').map(encodeURIComponent).join('/')}`
}

/** @throws `invalid_key` */
export function placeOfUri(uri: string): Place {
  const slash = uri.indexOf('/', scheme.length)
  if (uri.startsWith(scheme) && slash !== -1) {
    try {
      return {
        namespace: decodeURIComponent(uri.slice(scheme.length, slash)),
        key: decodeURIComponent(uri.slice(slash + 1)),
      }
    } catch {
      // Said below: a % that begins no character.
    }
  }
  throw new MemorySyncError(
    'invalid_key',
    `${quote(uri)} is no URI of a value; it must be memory://<namespace>/<key>, URI-encoded`,
  )
}

/** Before the server connects. */
export function registerResources(server: McpServer, context: ToolContext, namespaces: Namespaces, census: KeyCensus): void {
  const resources = new Resources(server, context, namespaces, census)
  context.client.onClose(() => resources.end())
  const { server: protocol } = server
  protocol.registerCapabilities({ resources: { subscribe: true, listChanged: true } })
  protocol.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [
      {
        uriTemplate: 'memory://{namespace}/{+key}',
        name: 'memory',
        title: 'A value in shared memory',
        description: `The value of a key in a namespace. ${quote(namespaces.own)} is the namespace of tasks, workers and queue.`,
      },
    ],
  }))
  protocol.setRequestHandler(ListResourcesRequestSchema, ({ params }, { signal }) =>
    orTold(() => resources.list(params?.cursor, signal)),
  )
  protocol.setRequestHandler(ReadResourceRequestSchema, ({ params }, { signal }) =>
    orTold(() => resources.read(params.uri, signal)),
  )
  protocol.setRequestHandler(SubscribeRequestSchema, ({ params }) => orTold(async () => resources.subscribe(params.uri)))
  protocol.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => orTold(async () => resources.unsubscribe(params.uri)))
}

interface Subscription {
  /** As the client spelled it. */
  uri: string
  readonly end: () => void
}

class Resources {
  readonly #server: McpServer
  readonly #context: ToolContext
  readonly #namespaces: Namespaces
  readonly #census: KeyCensus
  readonly #subscriptionByKey = new Map<string, Subscription>()
  /** Keys whose change the client is yet to be told of. */
  readonly #dirty = new Set<string>()
  #isTelling = false
  #endListening: (() => void) | null = null
  #isListKnown = false

  constructor(server: McpServer, context: ToolContext, namespaces: Namespaces, census: KeyCensus) {
    this.#server = server
    this.#context = context
    this.#namespaces = namespaces
    this.#census = census
  }

  end(): void {
    for (const { end } of this.#subscriptionByKey.values()) end()
    this.#subscriptionByKey.clear()
    this.#dirty.clear()
    this.#endListening?.()
  }

  async list(cursor: string | undefined, signal: AbortSignal): Promise<{ resources: Resource[]; nextCursor?: string }> {
    const { runtime, store, clock } = this.#context
    await runtime.ready()
    // Before the first key is read: of what comes or goes from here on the client is told.
    this.#isListKnown = true
    this.#endListening ??= this.#census.listen(() => this.#listChanged())
    const after = cursor === undefined ? undefined : keyOfCursor(cursor)
    const resources: Resource[] = []
    let last = ''
    for await (const stored of store.list('**', { ...(after === undefined ? undefined : { after }), signal })) {
      if (!isLive(stored.entry, clock.wallMs())) continue
      const place = this.#namespaces.placeOf(stored.key)
      if (place === null) continue
      if (resources.length === resourcesPageMax) return { resources, nextCursor: cursorOf(last) }
      resources.push({ uri: uriOf(place), name: place.key, mimeType: mimeTypeOf(stored) })
      last = stored.key
    }
    return { resources }
  }

  async read(uri: string, signal: AbortSignal) {
    const { runtime, store, clock } = this.#context
    const key = this.#keyOf(uri)
    await runtime.ready()
    const stored = await store.get(key, { signal })
    if (stored === null || !isLive(stored.entry, clock.wallMs())) {
      throw new McpError(resourceNotFound, `there is no value at ${uri}; resources/list gives those that there are`, { uri })
    }
    const { entry, revision } = stored
    const text = isClientText(entry) ? entry.value : JSON.stringify(entry.value)
    const { version, timestamp, workerId } = entry
    const _meta = { revision, version: { ...version }, timestamp, workerId }
    return { contents: [{ uri, mimeType: mimeTypeOf(stored), text, _meta }] }
  }

  subscribe(uri: string): Record<string, never> {
    const key = this.#keyOf(uri)
    const known = this.#subscriptionByKey.get(key)
    if (known !== undefined) {
      known.uri = uri
      return {}
    }
    const { subscriptionsMax } = this.#context.limits
    if (this.#subscriptionByKey.size >= subscriptionsMax) {
      throw new MemorySyncError(
        'backpressure',
        `this client is subscribed to ${subscriptionsMax} resources, which is as many as there may be; unsubscribe from some, or follow a pattern with memory_changes`,
        { retryable: false },
      )
    }
    const end = this.#context.runtime.memory.subscribe(key, () => this.#changed(key))
    this.#subscriptionByKey.set(key, { uri, end })
    return {}
  }

  unsubscribe(uri: string): Record<string, never> {
    const key = this.#keyOf(uri)
    this.#subscriptionByKey.get(key)?.end()
    this.#subscriptionByKey.delete(key)
    this.#dirty.delete(key)
    return {}
  }

  #keyOf(uri: string): string {
    const { namespace, key } = placeOfUri(uri)
    return this.#namespaces.storeKey(namespace, key)
  }

  #changed(key: string): void {
    this.#dirty.add(key)
    if (!this.#isTelling) void this.#tell()
  }

  async #tell(): Promise<void> {
    this.#isTelling = true
    // One at a time: what changes while the client's queue is full is told once, when it moves on.
    for (const key of this.#dirty) {
      this.#dirty.delete(key)
      const uri = this.#subscriptionByKey.get(key)?.uri
      if (uri === undefined) continue
      try {
        await this.#server.server.sendResourceUpdated({ uri })
      } catch {
        // The connection is over; its end clears the rest.
      }
    }
    this.#isTelling = false
  }

  #listChanged(): void {
    if (!this.#isListKnown) return
    this.#isListKnown = false
    this.#server.server.sendResourceListChanged().catch(() => {})
  }
}

function mimeTypeOf({ entry }: Stored): string {
  return isClientText(entry) ? 'text/plain' : 'application/json'
}

function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url')
}

function keyOfCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString()
  if (key !== '' && cursorOf(key) === cursor) return key
  throw new McpError(ErrorCode.InvalidParams, `${quote(cursor)} is no cursor of resources/list; begin again without one`)
}

/** Requests that are no calls of tools fail by the protocol's errors; ours travel in their data. */
async function orTold<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (thrown) {
    if (thrown instanceof McpError) throw thrown
    const told = toldError(thrown)
    const isCallers = told.code.startsWith('invalid_') || told.code === 'backpressure'
    throw new McpError(isCallers ? ErrorCode.InvalidParams : ErrorCode.InternalError, told.text, told.result._meta?.error)
  }
}

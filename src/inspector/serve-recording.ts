/**
 * A recorded session as a page: the inspector's server over a file, without any runtime. Owns what such a server has an answer to.
 * Knows neither the page nor what is in the file.
 */
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { MemorySyncError } from '../domain/errors.ts'
import type { Logger } from '../ports/logger.ts'
import { traceFormat } from '../wire/trace-record.ts'
import { InspectorHttpServer } from './http-server.ts'
import type { Page } from './page-assets.ts'

export interface RecordingParts {
  readonly file: string
  readonly page: Page
  /** 0: any free one. */
  readonly port: number
  readonly token: string
  readonly logger: Logger
}

/** Read anew by each page that asks. @throws `invalid_option` when the port cannot be listened at */
export async function serveRecording({ file, page, port, token, logger }: RecordingParts): Promise<InspectorHttpServer> {
  const name = basename(file)
  const nothingLives = (): never => {
    throw new MemorySyncError('not_supported', `this server has the recorded session ${name}, and no runtime`)
  }
  const server = new InspectorHttpServer({
    port,
    token,
    logger,
    answers: {
      page: async (path) => page.get(path === '/' ? '/index.html' : path) ?? null,
      session: () => ({ format: traceFormat, recorded: name }),
      exported: async () => ({ name: 'memory-sync-session.jsonl', chunks: createReadStream(file, 'utf8') }),
      entry: async () => nothingLives(),
      explain: async () => nothingLives(),
      events: async () => nothingLives(),
      act: null,
    },
  })
  await server.listen()
  return server
}

/**
 * Everything at a memory server, whichever it is: finds by the connection's dialect how it is read. Our own server gives its entries as
 * they lie there; the others give values by namespace and key.
 */
import type { Connection } from './connection.ts'
import { enumerateV2 } from './enumerate-v2.ts'
import { enumerateV3 } from './enumerate-v3.ts'
import type { ForeignQuestion, ForeignReading } from './foreign-reading.ts'
import { OurTools } from './our-tools.ts'

/** Reads only. @throws what the connection throws. */
export function enumerate(connection: Connection, question: ForeignQuestion): AsyncGenerator<ForeignReading> {
  switch (connection.dialect) {
    case 'ours':
      return enumerateOurs(connection, question.signal)
    case 'claude-flow-v2':
      return enumerateV2(connection, question)
    case 'claude-flow-v3':
      return enumerateV3(connection, question)
  }
}

async function* enumerateOurs(connection: Connection, signal: AbortSignal | undefined): AsyncGenerator<ForeignReading> {
  const tools = new OurTools(connection)
  let after: string | null = null
  do {
    const page = await tools.page('**', after, { signal })
    for (const stored of page.entries) yield { type: 'entry', stored }
    after = page.next
  } while (after !== null)
}

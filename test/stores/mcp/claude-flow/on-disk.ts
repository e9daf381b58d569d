/** Doubles whose memory is a directory, as the servers do that are started in one working directory: all that name it share it. */
import { join } from 'node:path'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { diskTable } from './table.ts'
import { claudeFlowV2, type V2Options, type V2Row } from './v2.ts'
import { claudeFlowV3, type V3Row } from './v3.ts'

export type Generation = 'v2' | 'v3'

export interface DoubleOnDisk {
  readonly server: Server
  /** Of the directory. The server has a life of its own. */
  close(): Promise<void>
}

/** @param options beside its clock, only v2 has any */
export function doubleOnDisk(generation: Generation, directory: string, options: Omit<V2Options, 'table'>): DoubleOnDisk {
  if (generation === 'v2') {
    const table = diskTable<V2Row>(join(directory, 'v2'))
    return { server: claudeFlowV2({ ...options, table }), close: () => table.close() }
  }
  const table = diskTable<V3Row>(join(directory, 'v3'))
  return { server: claudeFlowV3({ table, clock: options.clock }), close: () => table.close() }
}

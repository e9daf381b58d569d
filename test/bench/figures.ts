/** The figures by name, in the order of the table. Each is loaded by its own process only. */
import type { RunFigure } from './figure.ts'

export interface FigureEntry {
  readonly title: string
  load(): Promise<RunFigure>
}

export const figureByName: ReadonlyMap<string, FigureEntry> = new Map<string, FigureEntry>([
  [
    'store-writes',
    {
      title: 'File store: conditional writes',
      load: async () => (await import('./figures/store-writes.ts')).storeWrites,
    },
  ],
  ['memory-set', { title: 'runtime.memory.set', load: async () => (await import('./figures/memory-set.ts')).memorySet }],
  ['tasks-memory', { title: 'Tasks per second, memory:', load: async () => (await import('./figures/tasks.ts')).tasksInMemory }],
  ['tasks-file', { title: 'Tasks per second, file:', load: async () => (await import('./figures/tasks.ts')).tasksOnFile }],
  [
    'latency-memory',
    { title: 'Latency of a task, memory:', load: async () => (await import('./figures/latency.ts')).latencyInMemory },
  ],
  ['latency-file', { title: 'Latency of a task, file:', load: async () => (await import('./figures/latency.ts')).latencyOnFile }],
  ['watched', { title: 'Tasks per second while watched', load: async () => (await import('./figures/watched.ts')).watched }],
  ['cache', { title: 'Cached reads', load: async () => (await import('./figures/cache.ts')).cache }],
  [
    'dispatch',
    { title: 'Dispatch of changes to subscribers', load: async () => (await import('./figures/dispatch.ts')).dispatch },
  ],
  [
    'two-processes',
    {
      title: 'Two processes at one file store',
      load: async () => (await import('./figures/two-processes.ts')).twoProcesses,
    },
  ],
  ['heap', { title: 'Heap after many operations', load: async () => (await import('./figures/heap.ts')).heap }],
  ['locks', { title: 'Locks', load: async () => (await import('./figures/locks.ts')).locks }],
  ['mcp-stdio', { title: 'MCP by stdio', load: async () => (await import('./figures/mcp.ts')).mcpStdio }],
  ['mcp-http', { title: 'MCP by HTTP', load: async () => (await import('./figures/mcp.ts')).mcpHttp }],
  ['queued', { title: 'Memory of queued tasks', load: async () => (await import('./figures/queued.ts')).queued }],
  ['actors', { title: 'Many task actors at once', load: async () => (await import('./figures/actors.ts')).actors }],
  ['open', { title: 'Open and first result', load: async () => (await import('./figures/open.ts')).open }],
])

/** `memory-sync/mcp`: a memory server for MCP clients over a runtime. What is not here is not public. */
export type { Logger } from '../ports/logger.ts'
export type { HttpServerOptions } from './http-options.ts'
export { type HttpServer, serveHttp } from './http-server.ts'
export { createMemoryServer, type MemoryServer, type MemoryServerOptions } from './memory-server.ts'
export type { ClientSession } from './session.ts'
export { type StdioOptions, serveStdio } from './stdio.ts'
export type { AuditLine, Client, Limits } from './tool-context.ts'

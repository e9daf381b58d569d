/** `memory-sync/inspector`: sees every lifecycle of a runtime and of its memory. What is not here is not public. */
export type { Logger } from '../ports/logger.ts'
export type { Redact, RedactPlace } from '../trace/trace-source.ts'
export type { InspectorOptions } from './options.ts'
export { type Inspector, serveInspector } from './serve-inspector.ts'
export { bridgeToStately, type StatelyInspector } from './stately-bridge.ts'

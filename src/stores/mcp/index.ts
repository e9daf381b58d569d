/** What `memory-sync/stores/mcp` offers: the store at a memory server. Needs the package `@modelcontextprotocol/sdk`. */
export { type McpStoreOptions, mcpStore } from '../../runtime/create-mcp-store.ts'

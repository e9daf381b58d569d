/** The members of v3's replies that differ from run to run, taken out of their text. v2's are compared as they are. */

/**
 * Times of day, durations, names of sessions, and whether the server's embedding model happened to be ready: nothing else. `text` is a reply or the
 * beginning of one.
 */
export function withoutVolatile(text: string): string {
  return text
    .replace(/session-cf-[\w-]+/g, '<session>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replace(/\b1\d{12}\b/g, '<ms>')
    .replace(/"\d+\.\d+ms"/g, '"<duration>"')
    .replace(/\n *"hasEmbedding": (?:true|false),/g, '')
    .replace(/\n *"embeddingDimensions": (?:\d+|null),/g, '')
    .replace(/,\n *"embeddingError": "[^"]*"/g, '')
}

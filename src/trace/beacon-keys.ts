/**
 * How processes find each other for inspection: the keys of the request and of the announcements, how long each lasts, and
 * what is taken for one. Anybody can write there, so what lies there is checked. Decides nothing.
 */
import { z } from 'zod'
import type { InspectRequest, TraceAnnouncement } from '../wire/inspector-api.ts'

/** Of the request: who watches writes it again every {@link inspectRenewMs}. */
export const inspectTtlSeconds = 15
export const inspectRenewMs = 5000
/** Of an announcement, which is written again every {@link announcementRenewMs}. */
export const announcementTtlSeconds = 15
export const announcementRenewMs = 5000

/** Where an {@link InspectRequest} lies. */
export function inspectKey(namespace: string): string {
  return `${namespace}/coordination/inspect`
}

/** Where the {@link TraceAnnouncement} of the runtime with that worker id lies. As a pattern: `announcementKey(namespace, '*')`. */
export function announcementKey(namespace: string, workerId: string): string {
  return `${namespace}/workers/${workerId}/inspector`
}

const request = z.object({ watcher: z.string().max(200), allowsActions: z.boolean() })
const announcement = z.object({
  // Who may write there must not make inspectors call other machines.
  url: z.string().regex(/^http:\/\/127\.0\.0\.1:\d{1,5}\/trace$/),
  token: z.string().min(16).max(200),
  incarnation: z.string().min(1).max(200),
  host: z.string().max(300),
  pid: z.int().min(0),
})

/** What lies at {@link inspectKey}; null when that is none. */
export function inspectRequestOf(value: unknown): InspectRequest | null {
  return request.safeParse(value).data ?? null
}

/** What lies at {@link announcementKey}; null when that is none. */
export function announcementOf(value: unknown): TraceAnnouncement | null {
  return announcement.safeParse(value).data ?? null
}

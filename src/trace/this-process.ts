/** What inspectors are told of the process that this runs in. Knows nothing of what runs. */
import { hostname } from 'node:os'

export const thisProcess = { pid: process.pid, host: hostname() } as const

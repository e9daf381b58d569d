import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['memory-sync:source'] },
  ssr: { resolve: { conditions: ['memory-sync:source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    // Real processes and real disks: a stuck one must fail by name, not hang the run.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // By default one core is left idle; most of these tests wait for processes and disks.
    maxWorkers: 2,
  },
})

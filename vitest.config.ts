import { defineConfig } from 'vitest/config'

/**
 * Test files run in processes of their own, one at a time: many of them start brokers and workers, and a tool that measures
 * its own lateness is not to be tested on a machine that is kept late. test/run.sh runs four parts side by side. The JSON reports are what
 * test/count.mjs counts from.
 */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    maxConcurrency: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Machines of CI are shared: what fails for want of a core passes the second time, what is wrong does not.
    retry: process.env.CI ? 1 : 0,
    reporters: ['default', 'json'],
    outputFile: { json: '.cache/vitest.json' },
  },
})

import { defineConfig } from 'vitest/config'

/** Their tests are of functions only: no process, no clock, nothing that one file leaves to the next. */
const PURE = ['mqtt', 'load', 'stats', 'compare', 'capacity', 'watch'].map((folder) => `test/${folder}/**/*.test.ts`)
const CLUSTERS = ['test/brokers/cluster-*.test.ts', 'test/run/truth-*.test.ts']
const CLI = ['test/cli/**/*.test.ts']
const WORKFLOWS = ['test/brokers/ci-*.test.ts']
const BROKERS = ['test/brokers/**/*.test.ts']

/**
 * One test file at a time: many of them start brokers and workers, and a tool that measures its own lateness is not to be tested on a machine
 * that is kept late. Those that start something have a process of their own; the pure ones share one, which saves as much time as they take.
 * Of the projects test/run.sh makes four parts that run side by side. The JSON reports are what test/count.mjs counts from.
 */
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 1,
    maxConcurrency: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Machines of CI are shared: what fails for want of a core passes the second time, what is wrong does not.
    retry: process.env.CI ? 1 : 0,
    reporters: ['default', 'json'],
    outputFile: { json: '.cache/vitest.json' },
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, isolate: false } },
      { extends: true, test: { name: 'cli', include: CLI } },
      { extends: true, test: { name: 'clusters', include: CLUSTERS } },
      { extends: true, test: { name: 'brokers', include: BROKERS, exclude: [...WORKFLOWS, ...CLUSTERS] } },
      { extends: true, test: { name: 'workflows', include: WORKFLOWS } },
      { extends: true, test: { name: 'others', include: ['test/**/*.test.ts'], exclude: [...PURE, ...CLI, ...CLUSTERS, ...BROKERS] } },
    ],
  },
})

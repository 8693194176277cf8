import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultWorkers, layoutOf, otherFiles, processesFor } from '../../src/machine/layout.ts'
import { sampleFacts } from './sample-facts.ts'

const NONE = { processes: null, workers: null }
/** 8 cores, and 20,000 files a process, of which 95, and 5 for each worker, are not for clients. */
const FACTS = sampleFacts()
/** 150 files a process. */
const TINY = sampleFacts({ openFiles: { soft: 150, hard: 150 } })
const UNLIMITED = sampleFacts({ openFiles: { soft: null, hard: null } })

describe('processes and workers', () => {
  test.each([
    { why: 'a core is left for the rest', clients: 1000, wanted: NONE, layout: { processes: 1, workers: 7 } },
    { why: 'no more workers than clients', clients: 3, wanted: NONE, layout: { processes: 1, workers: 3 } },
    {
      why: 'as many workers as are wanted',
      clients: 1000,
      wanted: { processes: null, workers: 16 },
      layout: { processes: 1, workers: 16 },
    },
    { why: 'all files of one process', clients: 19_870, wanted: NONE, layout: { processes: 1, workers: 7 } },
    { why: 'a file more', clients: 19_871, wanted: NONE, layout: { processes: 2, workers: 7 } },
    { why: 'a worker for each process', clients: 1_000_000, wanted: NONE, layout: { processes: 51, workers: 51 } },
    {
      why: 'more of them, where they are wanted',
      clients: 1_000_000,
      wanted: { processes: null, workers: 102 },
      layout: { processes: 51, workers: 102 },
    },
    { why: 'as many processes as are wanted', clients: 1000, wanted: { processes: 4, workers: 2 }, layout: { processes: 4, workers: 4 } },
    {
      why: 'too few of them, if somebody wants that',
      clients: 100_000,
      wanted: { processes: 2, workers: null },
      layout: { processes: 2, workers: 7 },
    },
    { why: 'fewer workers in each of two have room for more', clients: 39_760, wanted: NONE, layout: { processes: 2, workers: 7 } },
    {
      why: 'workers whose files leave no room for many clients',
      clients: 30,
      wanted: { processes: null, workers: 20 },
      facts: TINY,
      layout: { processes: 3, workers: 20 },
    },
    { why: 'no more processes than clients', clients: 3, wanted: { processes: 5, workers: 9 }, layout: { processes: 3, workers: 3 } },
    {
      why: 'sockets that are left in silence take files too',
      clients: 10_000,
      sockets: 20_000,
      wanted: NONE,
      layout: { processes: 2, workers: 7 },
    },
    {
      why: 'one process where there is no limit',
      clients: 1_000_000,
      wanted: NONE,
      facts: UNLIMITED,
      layout: { processes: 1, workers: 7 },
    },
  ])('$why', ({ clients, sockets = clients, wanted, facts = FACTS, layout }) => {
    expect(layoutOf({ clients, sockets }, facts, wanted)).toEqual(layout)
  })

  test('are so many that none has more files than it may, and no more than that', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 101, max: 2000 }),
      fc.integer({ min: 1, max: 64 }),
      (sockets, soft, workers) => {
        const facts = { openFiles: { soft, hard: soft } }
        const processes = processesFor(sockets, facts, workers)
        const fits = (count: number) =>
          Math.ceil(sockets / count) + otherFiles({ processes: 1, workers: Math.ceil(Math.max(workers, count) / count) }) <= soft
        if (soft > otherFiles({ processes: 1, workers }) && sockets > 0) expect(fits(processes)).toBe(true)
        if (processes > 1) expect(fits(processes - 1)).toBe(false)
      },
    )
    fc.assert(property)
  })

  test.each([
    { cores: 1, workers: 1 },
    { cores: 0.5, workers: 1 },
    { cores: 2.5, workers: 1 },
    { cores: 64, workers: 63 },
  ])('$cores cores have $workers workers', ({ cores, workers }) => {
    expect(defaultWorkers({ cores })).toBe(workers)
  })
})

import { describe, expect, test } from 'vitest'
import { generatorChecks } from '../../src/report/generator-checks.ts'
import type { GeneratorFigures } from '../../src/report/types.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const clients = { planned: 1000, connected: 800, failed: 200, disconnected: 0, reconnected: 0 }
const calm = { cpu: 0.3, waiting: 0.01, gc: 0.01 }
const still: Pick<GeneratorFigures, 'threads' | 'unwritable' | 'files' | 'ports' | 'workers'> = {
  threads: [calm, calm],
  unwritable: { mean: 0, peak: 0 },
  files: { used: 900, limit: 1000 },
  ports: { used: 9, limit: 10 },
  workers: 2,
}

function checksOf(changes: Partial<typeof still>) {
  return generatorChecks(sampleReport({ clients, generator: { ...sampleReport().generator, ...still, ...changes } }))
}

describe('a generator is suspect', () => {
  test.each([
    {
      why: 'whose thread has a core nearly for itself',
      changes: { threads: [calm, { ...calm, cpu: 0.91 }] },
      words:
        "the busiest worker's thread used 91 % of a core: its latencies may hold waits of its own; use more --workers or fewer clients",
    },
    { why: 'at 90 % of a core: not yet', changes: { threads: [{ ...calm, cpu: 0.9 }] }, words: null },
    {
      why: 'whose thread has to wait for a core',
      changes: { threads: [{ ...calm, waiting: 0.11 }, calm] },
      words: "a worker's thread waited 11 % of the time for a core: other programs, or too many workers, want this machine too",
    },
    { why: 'at 10 % of waiting: not yet', changes: { threads: [{ ...calm, waiting: 0.1 }] }, words: null },
    {
      why: 'that collects garbage',
      changes: { threads: [calm, { ...calm, gc: 0.052 }] },
      words: 'the garbage collector stopped a worker 5.2 % of the time: latencies may hold its pauses; use more --workers or fewer clients',
    },
    { why: 'at 5 % of garbage collection: not yet', changes: { threads: [{ ...calm, gc: 0.05 }] }, words: null },
    {
      why: 'whose sockets take nothing, of the clients that are connected',
      changes: { unwritable: { mean: 88, peak: 1234 } },
      words: "11 % of the clients' sockets took no bytes (mean of measure; at most 1,234): the broker or the network pushes back",
    },
    { why: 'with every tenth socket full: not yet', changes: { unwritable: { mean: 80, peak: 800 } }, words: null },
    {
      why: 'that is short of files',
      changes: { files: { used: 901, limit: 1000 } },
      words: '901 of 1,000 open files were in use: the next may be refused; raise the limit (ulimit -n, LimitNOFILE)',
    },
    {
      why: 'that is short of ports',
      changes: { ports: { used: 26_000, limit: 28_232 } },
      words:
        '26,000 of 28,232 local ports towards one broker address were in use: connects may fail; give the groups several sourceAddresses, or widen net.ipv4.ip_local_port_range',
    },
    {
      why: 'whose workers crowd its cores',
      changes: { workers: 51 },
      words:
        'there are 25.5 workers to a core: each looks at its clients only once a tick, so latencies are too high by up to 8 ms; use a higher limit of open files (ulimit -n) and fewer processes',
    },
    { why: 'with eight workers on a core: not yet', changes: { workers: 16 }, words: null },
    { why: 'on a system that tells nothing: not known', changes: { threads: [{ cpu: null, waiting: null, gc: 0 }] }, words: null },
    {
      why: 'without limits: never',
      changes: { files: { used: 1e9, limit: null }, ports: { used: 1e9, limit: null } },
      words: null,
    },
    { why: 'that never measured: not known', changes: { threads: [] }, words: null },
  ])('$why', ({ changes, words }) => {
    const failed = checksOf(changes).filter(({ ok }) => !ok)
    expect(failed.map((check) => check.words)).toEqual(words === null ? [] : [words])
    expect(failed.map(({ level }) => level)).toEqual(words === null ? [] : ['suspect'])
  })

  test('by what is known only', () => {
    const names = checksOf({ threads: [{ cpu: null, waiting: null, gc: 0.01 }], files: { used: 1, limit: null } }).map(({ name }) => name)
    expect(names).toEqual(['gc', 'crowd', 'unwritable', 'ports'])
  })

  test('and says what was found where all is well', () => {
    expect(checksOf({}).map(({ name, ok, words }) => [name, ok, words])).toEqual([
      ['threadCpu', true, "the busiest worker's thread used 30 % of a core"],
      ['runQueue', true, "a worker's thread waited 1 % of the time for a core"],
      ['gc', true, 'the garbage collector stopped a worker 1 % of the time'],
      ['crowd', true, 'there are 1 workers to a core'],
      ['unwritable', true, "0 % of the clients' sockets took no bytes (mean of measure; at most 0)"],
      ['files', true, '900 of 1,000 open files were in use'],
      ['ports', true, '9 of 10 local ports towards one broker address were in use'],
    ])
  })

  test('not by sockets of clients that never were', () => {
    const nobody = { ...clients, connected: 0, failed: 1000 }
    const report = sampleReport({ clients: nobody, generator: { ...sampleReport().generator, ...still } })
    expect(generatorChecks(report).every(({ ok }) => ok)).toBe(true)
  })
})

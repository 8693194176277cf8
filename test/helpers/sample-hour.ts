import type { Report } from '../../src/report/types.ts'
import { latency, sampleReport } from './sample-report.ts'

/** An hour, second by second, of 20 groups on 8 nodes. */
export function hourReport(): Report {
  const sample = sampleReport()
  const names = Array.from({ length: 8 }, (_, i) => `node-${i + 1}`)
  const seconds = Array.from({ length: 3_600 }, (_, i) => i)
  return sampleReport({
    run: {
      ...sample.run,
      durationS: 3_600,
      phases: [
        { name: 'connect', startS: 0, lengthS: 30 },
        { name: 'warmUp', startS: 30, lengthS: 5 },
        { name: 'measure', startS: 35, lengthS: 3_550 },
        { name: 'drain', startS: 3_585, lengthS: 10 },
        { name: 'cleanUp', startS: 3_595, lengthS: 5 },
      ],
    },
    groups: Object.fromEntries(seconds.slice(0, 20).map((i) => [`group-${i}`, sample.groups[i % 2 ? 'sensors' : 'dashboards']!])),
    nodes: Object.fromEntries(names.map((name) => [name, sample.nodes.a!])),
    pairs: names.flatMap((from, i) =>
      names.map((to, j) => ({ ...sample.pairs[0]!, from, to, endToEndUs: latency(5_000, 1_000 + 137 * ((i * 5 + j * 3) % 11), 0.5) })),
    ),
    timeline: seconds.map((i) => ({
      ...sample.timeline[26 + (i % 29)]!,
      tS: i + 1,
      endToEndP99Us: 5_600 + ((i * 131) % 9_000),
      receivedPerSec: 99_000 + ((i * 37) % 1_999),
    })),
    plan: { ...sample.plan, nodes: names.map((name) => ({ name, url: `mqtt://${name}:1883`, zone: 'z', weight: 1 })) },
  })
}

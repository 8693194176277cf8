import { describe, expect, test } from 'vitest'
import { agentNotes, agentTable } from '../../src/report/agents.ts'
import { renderText } from '../../src/report/text.ts'
import type { AgentFigures, Report } from '../../src/report/types.ts'
import { sampleAgent } from '../control/sample.ts'
import { latency, sampleReport } from '../helpers/sample-report.ts'

const sample = sampleReport()

function agent(id: string, fields: Partial<AgentFigures> = {}): AgentFigures {
  return {
    ...sampleAgent(id, { clients: { sensors: [0, 3334], dashboards: [0, 13] } }),
    cpu: { processCores: 0.347, host: 0.62, steal: 0.001 },
    memory: { residentBytes: 200 * 1024 ** 2 },
    files: { used: 3400, limit: 20_000 },
    ports: { used: 1700, limit: 28_232 },
    lostAtS: null,
    ...fields,
  }
}

function reportOf(agents: readonly AgentFigures[], clockBoundUs: number | null = null, changes: Partial<Report> = {}): Report {
  return sampleReport({ generator: { ...sample.generator, agents, clockBoundUs }, ...changes })
}

const AGENTS = [
  agent('a'),
  agent('b', {
    clients: { sensors: [3334, 10_000], dashboards: [13, 13] },
    processes: 3,
    workers: 12,
    clock: { offsetUs: 5e6, boundUs: 180 },
  }),
  agent('far', { cpu: { processCores: 2, host: null, steal: null }, clock: { offsetUs: 0, boundUs: 40_000 }, lostAtS: 41.5 }),
]

describe('the agents of a run', () => {
  test('are a table', () => {
    const lines = renderText(reportOf(AGENTS), { color: false, width: 120, folder: null }).split('\n')
    const first = lines.indexOf('Agents')
    expect(`\n${lines.slice(first, first + 5).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      Agents
             clients  processes  workers               CPU  host   memory      clock    lost
        a      3,347          1        2  34.7 % of a core  62 %  200 MiB  the run’s       -
        b      6,666          3       12  34.7 % of a core  62 %  200 MiB   ± 180 µs       -
        far    3,347          1        2   200 % of a core     -  200 MiB    ± 40 ms  41.5 s
      "
    `)
  })

  test('that were lost are marked', () => {
    const tones = agentTable(reportOf(AGENTS)).rows.map(({ cells }) => cells.at(-1)!.tone)
    expect(tones).toEqual(['plain', 'plain', 'bad'])
  })

  test('are no table where there are none', () => {
    expect(renderText(sample, { color: false, width: 120, folder: null })).not.toContain('Agents')
  })
})

describe('how far clocks can be trusted', () => {
  test('is a note, with how many deliveries do not depend on it', () => {
    const report = reportOf(AGENTS, 40_180, { sameClockUs: latency(120_000, 1_840, 0.5) })
    expect(agentNotes(report)).toEqual([
      'The machines’ clocks may differ by 40.2 ms: so wrong are end-to-end times from one machine to another, ' +
        'and a limit below ten times that is held against those with one clock (120,000 of 300,000).',
    ])
    const text = renderText(report, { color: false, width: 300, folder: null })
    expect(text).toContain('Note       The machines’ clocks may differ by 40.2 ms')
    expect(text).toMatch(/\n {2}one clock +120,000 /)
  })

  test('is none of those where no delivery stayed with one clock', () => {
    expect(agentNotes(reportOf(AGENTS, 40_180))[0]).toContain('(0 of 300,000)')
  })

  test('is no question where all have the run’s', () => {
    expect(agentNotes(reportOf([agent('a'), agent('b')]))).toEqual([])
  })
})

import { expect, test } from 'vitest'
import type { FaultPlan, Plan } from '../../src/load/plan.ts'
import { stayingOf } from '../../src/run/stage.ts'
import { startLyingBroker } from '../helpers/lying-broker.ts'
import { runScenario } from '../helpers/run.ts'

const S = 1e6
const churn = (connectedS: number, awayS: number) => ({ connectedUs: connectedS * S, awayUs: awayS * S, leave: 'reset' as const })
const groups = (...sizes: [clients: number, churn: ReturnType<typeof churn> | null][]) =>
  ({ groups: sizes.map(([clients, churn]) => ({ clients, churn })), clients: sizes.reduce((sum, [n]) => sum + n, 0) }) as unknown as Plan

test.each([
  { who: 'all, without churn', plan: groups([100, null], [50, null]), connected: 150, staying: 150 },
  { who: 'those who could connect, without churn', plan: groups([100, null]), connected: 97, staying: 97 },
  // 1 % more may be on their way back.
  { who: 'all but those who are away', plan: groups([1000, churn(7, 3)]), connected: 1000, staying: 693 },
  { who: 'all of one group and some of another', plan: groups([1000, null], [1000, churn(1, 1)]), connected: 2000, staying: 1485 },
  { who: 'as large a share of those who could connect', plan: groups([1000, churn(7, 3)]), connected: 500, staying: 346 },
])('who stays when publishing begins: $who', ({ plan, connected, staying }) => {
  expect(stayingOf(plan, connected)).toBe(staying)
})

test('a fault in the last moment of measure begins in measure, as its workers have it, and not in drain', async ({ onTestFinished }) => {
  const broker = await startLyingBroker({})
  onTestFinished(() => broker.close())
  const scenario = `
name: late
settle: 0s
groups: { sensors: { clients: 2, publish: [{ topic: "{client}", every: 100ms, payload: { bytes: 32 } }] } }
faults: [{ name: late, at: 0s, drop: reset }]
phases: { warmUp: 0s, measure: 1s, drain: 2s }
`
  const { events, report } = await runScenario(scenario, [broker.url], {
    // Scenarios leave more time, but what waits for another fault may begin at any moment.
    onController: (controller) => {
      const { director } = controller as unknown as { director: { states: { plan: FaultPlan }[] } }
      const state = director.states[0]!
      state.plan = { ...state.plan, trigger: { kind: 'at', atUs: 999_900 } }
    },
  })
  const moments = events.map(({ event, phase }) => (event === 'phase' ? phase : event))
  expect(moments).toContain('faultBegan')
  expect(moments.indexOf('faultBegan')).toBeLessThan(moments.indexOf('drain'))
  expect(report.faults.late!.struck).toBe(2)
})

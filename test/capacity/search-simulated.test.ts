/**
 * Whole searches against a simulated broker: a queue that serves at a rate which the search does not know. Its reports are judged as those of runs are.
 */
import { expect, test } from 'vitest'
import { Search } from '../../src/capacity/search.ts'
import { judgeTrial } from '../../src/capacity/trial.ts'
import { keyOf, random } from '../../src/load/order.ts'
import { parseThreshold, type Threshold } from '../../src/load/threshold.ts'
import type { Report, TimelineRow } from '../../src/report/types.ts'
import { Histogram, summarize } from '../../src/stats/histogram.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const KEY = keyOf(11, 'simulated')
const SLO = [parseThreshold('endToEnd.p99 < 20ms') as Threshold]
/** What the scenario asks for, messages a second: two that come at once are served within the SLO. */
const OWN_RATE = 600
const TRIAL_S = 5
const CONFIRM_S = 8
const NETWORK_US = 300
const base = sampleReport({ status: 'passed', reasons: [], drops: null })

/**
 * Messages come evenly but for a jitter, as a fleet sends them, and are served one after the other.
 *
 * @param servedPerSec  µ, as it is in this trial
 */
function trialOf(perSec: number, servedPerSec: number, lengthS: number, luck: (message: number) => number): Report {
  const count = Math.round(perSec * lengthS)
  const whole = new Histogram()
  const seconds = Array.from({ length: lengthS }, () => ({ sent: 0, received: 0, histogram: new Histogram() }))
  let freeUs = 0
  for (let i = 0; i < count; i++) {
    const intendedUs = ((i + luck(i)) / perSec) * 1e6
    freeUs = Math.max(freeUs, intendedUs) + 1e6 / servedPerSec
    const latencyUs = freeUs - intendedUs + NETWORK_US
    const second = seconds[Math.min(lengthS - 1, Math.floor(intendedUs / 1e6))]!
    second.sent++
    second.histogram.record(latencyUs)
    whole.record(latencyUs)
    const arrival = seconds[Math.floor((freeUs + NETWORK_US) / 1e6)]
    if (arrival !== undefined) arrival.received++
  }
  const timeline = seconds.map(({ sent, received, histogram }, i): TimelineRow => {
    const { p50, p99 } = summarize(histogram, sent)
    const row = base.timeline.find(({ phase }) => phase === 'measure')!
    return { ...row, tS: i + 1, sentPerSec: sent, receivedPerSec: received, endToEndP50Us: p50, endToEndP99Us: p99 }
  })
  return {
    ...base,
    timeline,
    publishes: { ...base.publishes, planned: count, sent: count },
    deliveries: { ...base.deliveries, owed: count, received: count, lost: 0 },
    endToEndUs: summarize(whole, count),
  }
}

/** @param noise  by which the broker is faster or slower from trial to trial, one standard deviation */
function searched(seed: number, mu: number, width: number, noise: number) {
  const search = new Search({ from: 1, width, lowest: 0.01 })
  let trial = 0
  for (let attempt = search.next(); attempt !== null; attempt = search.next()) {
    const own = ++trial
    const lengthS = attempt.isLong ? CONFIRM_S : TRIAL_S
    const servedPerSec = mu * OWN_RATE * Math.exp(noise * normal(seed, own))
    const jitter = keyOf(seed, `trial ${own}`)
    const report = trialOf(attempt.factor * OWN_RATE, servedPerSec, lengthS, (i) => random(jitter, i))
    search.take({ ...attempt, verdict: judgeTrial(report, SLO).verdict })
  }
  return search.found
}

test.each([
  { noise: 0, width: 0.05 },
  { noise: 0.005, width: 0.05 },
  { noise: 0.02, width: 0.05 },
])('100 searches of a width of $width hold the hidden rate in 95 where the broker scatters by $noise', ({ noise, width }) => {
  const found = Array.from({ length: 100 }, (_, i) => {
    const mu = 0.3 * 15 ** random(KEY, 1000, i)
    return { mu, ...searched(i, mu, width, noise) }
  })
  const held = found.filter(({ mu, status, low, high }) => status === 'found' && low! <= mu && mu <= high!)
  expect(held.length).toBeGreaterThanOrEqual(95)
})

function normal(a: number, b: number): number {
  return Math.sqrt(-2 * Math.log(random(KEY, a, 2 * b))) * Math.cos(2 * Math.PI * random(KEY, a, 2 * b + 1))
}

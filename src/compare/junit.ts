/**
 * A comparison as JUnit XML: a case for each gate, each count and each threshold. What is inconclusive is a failure of its own words: whoever lets it pass
 * has not measured.
 */
import { renderSuite, type TestCase } from '../report/junit.ts'
import { formatShare } from '../units.ts'
import type { Comparison, Verdict } from './types.ts'
import { changeWithInterval, neededWords, runs, tallyWords } from './words.ts'

export function renderJunit({ gates, counts, thresholds, scenario, candidate }: Comparison): string {
  const cases: TestCase[] = [
    ...gates.map(({ metric, margin, verdict, ratio, interval, runsNeeded }) => {
      const more = verdict === 'inconclusive' ? `; ${neededWords(runsNeeded)}` : ''
      return {
        name: `${metric} is not worse by more than ${formatShare(margin)}`,
        failure: isFailure(verdict) ? `${verdict}: ${changeWithInterval(ratio, interval)}${more}` : null,
      }
    }),
    ...counts.map(({ name, verdict, base, candidate: own }) => ({
      name: `no more ${name}`,
      failure: isFailure(verdict) ? `${verdict}: ${tallyWords(own)}, base ${tallyWords(base)}` : null,
    })),
    ...thresholds.map(({ expression, isThreshold, ok, candidateFailures }) => ({
      name: isThreshold ? expression : `no run failed by: ${expression}`,
      failure: ok ? null : `in ${candidateFailures} of ${runs(candidate.length)}`,
    })),
  ]
  return renderSuite({ name: `mqtt-scale compare ${scenario}`, className: scenario, startedAt: candidate[0]!.startedAt, cases })
}

function isFailure(verdict: Verdict): boolean {
  return verdict === 'regression' || verdict === 'inconclusive'
}

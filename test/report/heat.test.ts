import { describe, expect, test } from 'vitest'
import { matrices } from '../../src/report/cluster.ts'
import { heatMap, heatScale, heatStep } from '../../src/report/heat.ts'
import { sampleReport } from '../helpers/sample-report.ts'

describe('the steps of a heat map', () => {
  test('are five of equal ratio, from the lowest value to the highest', () => {
    const scale = heatScale([1_000, 32_000, 5_000, null])!
    expect(scale.map(Math.round)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000])
    expect([1_000, 1_999, 2_001, 9_000, 31_000, 32_000].map((value) => heatStep(scale, value))).toEqual([1, 1, 2, 4, 5, 5])
  })

  test.each([
    { why: 'nothing', value: null },
    { why: 'none', value: 0 },
    { why: 'what never came', value: Number.POSITIVE_INFINITY },
  ])('have no colour for $why', ({ value }) => {
    expect(heatStep(heatScale([1, 2, value]), value)).toBe(0)
    expect(heatScale([1, 2, value])!.at(-1)).toBe(2)
  })

  test.each([
    { why: 'one value', values: [5, null, null] },
    { why: 'values within 5 %', values: [1_000, 1_049] },
    { why: 'none at all', values: [null, 0] },
  ])('are left out with $why: colours would tell of nothing', ({ values }) => {
    expect(heatScale(values)).toBeNull()
    expect(heatStep(null, 1_000)).toBe(0)
  })
})

test('a heat map has every value as text, its steps in words, and says when there are none', () => {
  const [latency, lost] = matrices(sampleReport()).map((matrix) => heatMap(matrix).text)
  expect(latency!.match(/<td class="number heat-\d">[^<]+/g)).toEqual([
    '<td class="number heat-1">5.08 ms',
    '<td class="number heat-5">6.66 ms',
    '<td class="number heat-5">6.66 ms',
    '<td class="number heat-1">5.08 ms',
  ])
  expect(latency).toContain('<b class="heat-1">5.08 ms – 5.36 ms</b>')
  expect(lost).toContain('All are about the same.')
})

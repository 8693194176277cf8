/**
 * A comparison as a page of its own: the verdict, both curves, and everything they rest on. It asks the network for nothing.
 */
import type { Table } from '../report/cells.ts'
import type { CurveChart } from '../report/curve.ts'
import { html, type Markup } from '../report/markup.ts'
import { chartPanel, KEYS, pageHead, renderPage, tablePanel } from '../report/page.ts'
import { formatDuration } from '../units.ts'
import type { Comparison, Curve, CurvePoint } from './types.ts'
import { type ComparisonView, tablesOf, viewOf } from './view.ts'

/** The whole document. */
export function renderHtml(comparison: Comparison): string {
  const view = viewOf(comparison)
  const { headline } = view
  const curve = comparison.curve === null ? null : chartOf(comparison.curve)
  const body = html`${pageHead('mqtt-scale compare', view)}
${section(view.gates)}
${curve === null ? null : html`<h2>Both curves</h2>${KEYS}${chartPanel({ id: curve.id, words: wordsOf(comparison.curve!), notes: [NOTE], table: view.curve })}`}
${tablesOf(view).filter(isFurther(view)).map(section)}
<footer>The run is the unit: figures are geometric means over the runs of a side, changes are candidate over base, and intervals hold with 95 %. A regression is what is surely worse by more than its margin.</footer>`
  return renderPage({
    title: `${headline.text} · ${view.facts[0]} · mqtt-scale compare`,
    body,
    curves: curve === null ? [] : [curve],
    times: null,
  })
}

const NOTE =
  'Each point is the mean over the runs of a side. A curve ends where runs have too few values beyond, or where the values begin that never came.'

function section(table: Table): Markup {
  return html`<h2>${table.title}</h2>${tablePanel(table)}`
}

function isFurther({ gates, curve }: ComparisonView): (table: Table) => boolean {
  return (table) => table !== gates && table !== curve
}

function chartOf({ points }: Curve): CurveChart {
  const side = (of: 'base' | 'candidate') => ({ valuesUs: points.map((point) => point[of]), lost: 0, count: 0 })
  return {
    id: 'curves',
    percentiles: points.map(({ percent }) => percent),
    curves: [
      { label: 'base', color: 'line-1', isDashed: true, ...side('base') },
      { label: 'candidate', color: 'line-3', ...side('candidate') },
    ],
  }
}

/** The chart for those who don't see it. */
function wordsOf({ metric, points }: Curve): string {
  const at = (percent: number) => points.find((point) => point.percent === percent)
  const words = (point: CurvePoint | undefined) =>
    point === undefined ? [] : [`p${point.percent}: base ${duration(point.base)}, candidate ${duration(point.candidate)}`]
  return `Latency (${metric}) by percentile of base and candidate, both on logarithmic scales; ${[50, 99, 99.9].flatMap((percent) => words(at(percent))).join('; ')}`
}

function duration(us: number | null): string {
  return us === null ? '∞' : formatDuration(us)
}

/** Draws percentile curves in the reader's browser: a part of `pageScript`. It takes each `CurveChart` in `curves` of the page's data. */
export const CURVE_SCRIPT = `
// 0 at p0, 1 at p90, 2 at p99, …
const nines = (percent) => -Math.log10(1 - percent / 100)
const lostAt = ({ lost, count }) => Math.log10(count / lost)
for (const { id, percentiles, curves } of page.curves) {
  const xs = percentiles.map(nines)
  const end = Math.max(1, Math.ceil(xs.at(-1) - 0.05), ...curves.filter(({ lost }) => lost > 0).map((curve) => Math.ceil(lostAt(curve))))
  const valueOf = ({ valuesUs, lost }, i) => (i == null ? '-' : valuesUs[i] != null ? formats.duration(valuesUs[i]) : lost > 0 ? '∞' : '-')
  addChart(id, 300, () => ({
    data: [xs, ...curves.map(({ valuesUs }) => valuesUs.map((us) => (us === null ? null : Math.max(1, us))))],
    padding: [ROW + 8, 30, null, null],
    cursor: { points: { size: 6 }, drag: { x: true, y: false } },
    scales: { x: { time: false, range: (u, min, max) => (min === xs[0] && max === xs.at(-1) ? [0, end] : [min, max]) }, y: { distr: 3, range: decades } },
    axes: axes(
      {
        splits: (u) => {
          const { min, max } = u.scales.x
          const all = [0, nines(50), ...Array.from({ length: end }, (_, i) => i + 1)]
          return all.filter((x) => x >= min - 1e-9 && x <= max + 1e-9)
        },
        // Labels that would touch the one before are left out; their lines stay.
        values: (u, splits) => {
          measuring.font = FONT
          let end = -Infinity
          return splits.map((x) => {
            const text = String(Number((100 - 100 / 10 ** x).toFixed(Math.max(0, Math.round(x) - 2)))) + ' %'
            const half = measuring.measureText(text).width / 2
            const at = u.valToPos(x, 'x')
            if (at - half < end + 6) return ''
            end = at + half
            return text
          })
        },
      },
      { values: (u, splits) => splits.map((us) => (us == null ? '' : ticks.duration(us))) },
    ),
    series: [
      { label: 'percentile', value: (u, x, s, i) => (i == null ? '-' : 'p' + percentiles[i]) },
      ...curves.map((curve) => ({
        ...line(curve.label, curve.color, 2, curve.isDashed ? [7, 5] : undefined, (u, us, s, i) => valueOf(curve, i)),
        points: { show: percentiles.length === 1 },
      })),
    ],
    hooks: {
      // Where the values begin that never came.
      draw: [(u) => {
        const { min, max } = u.scales.x
        const lost = curves.filter(({ lost }) => lost > 0).map((curve) => ({ ...curve, x: lostAt(curve) }))
        const seen = lost.filter(({ x }) => x >= min && x <= max)
        for (const { x, color } of seen) upright(u, x, color, [4, 3])
        above(u, seen.map(({ x, label, color }) => ({ name: curves.length > 1 ? label + ' never came' : 'never came', at: u.valToPos(x, 'x') + u.bbox.left / devicePixelRatio, tone: 'muted' })))
      }],
    },
  }))
}
`

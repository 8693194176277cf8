/**
 * The charts of the HTML report: the data they need from a report, and the script that draws them in the reader's browser with uPlot.
 *
 * The script is text, since it runs there and not here. It only reads the page's JSON and its CSS variables, so a page drawn in the dark
 * follows when the reader's system turns light.
 */
import type { Report } from './types.ts'

/** Columns over the timeline, as uPlot wants them; null is a gap. */
export interface ChartData {
  readonly tS: readonly number[]
  readonly planned: readonly number[]
  readonly sent: readonly number[]
  readonly received: readonly number[]
  readonly p50Us: readonly (number | null)[]
  readonly p99Us: readonly (number | null)[]
  /** The stretch that the figures are of, shaded in the charts; null when the run didn't get there. */
  readonly measure: readonly [startS: number, endS: number] | null
  /** From the start to the recovery, or to the end of measure. */
  readonly faults: readonly { readonly name: string; readonly startS: number; readonly endS: number; readonly isRecovered: boolean }[]
}

export function chartData({ timeline, run, faults }: Report): ChartData {
  const measure = run.phases.find((phase) => phase.name === 'measure')
  // A logarithmic scale has no place for 0: nothing is faster than a microsecond.
  const positive = (us: number | null) => (us === null ? null : Math.max(1, us))
  return {
    tS: timeline.map((row) => row.tS),
    planned: timeline.map((row) => row.plannedPerSec),
    sent: timeline.map((row) => row.sentPerSec),
    received: timeline.map((row) => row.receivedPerSec),
    p50Us: timeline.map((row) => positive(row.endToEndP50Us)),
    p99Us: timeline.map((row) => positive(row.endToEndP99Us)),
    measure: measure ? [measure.startS, measure.startS + measure.lengthS] : null,
    faults: Object.entries(faults).flatMap(([name, { startS, recover }]) => {
      if (startS === null || measure === undefined) return []
      const endS = recover === null ? measure.startS + measure.lengthS : startS + recover
      return [{ name, startS, endS, isRecovered: recover !== null }]
    }),
  }
}

/** Draws `#rates` and `#latency` from the JSON in `#chart-data`. */
export const CHARTS_SCRIPT = `
(() => {
  const data = JSON.parse(document.getElementById('chart-data').textContent)
  const short = (x) => String(Number(x.toPrecision(3)))
  const count = (x) => x == null ? '-' : Math.round(x).toLocaleString('en-US')
  const roundCount = (x) => x >= 1e6 ? short(x / 1e6) + 'M' : x >= 1e3 ? short(x / 1e3) + 'k' : short(x)
  const latency = (us) => us == null ? '-' : us < 1e3 ? short(us) + ' µs' : us < 1e6 ? short(us / 1e3) + ' ms' : short(us / 1e6) + ' s'
  const time = (s) => s == null ? '-' : s < 120 ? short(s) + ' s' : Math.floor(s / 60) + ':' + String(Math.round(s % 60)).padStart(2, '0')

  // Where the measure phase is, and in it the faults, behind the lines.
  const band = (u, color, span) => {
    const [left, right] = span.map((s) => u.valToPos(Math.min(Math.max(s, u.scales.x.min), u.scales.x.max), 'x', true))
    u.ctx.save()
    u.ctx.fillStyle = color
    u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height)
    u.ctx.restore()
  }
  const shade = (measure, fault) => (u) => {
    if (data.measure) band(u, measure, data.measure)
    for (const { startS, endS } of data.faults) band(u, fault, [startS, endS])
  }

  // Where a fault begins, and its name; names that would overlap go a line down.
  const mark = (color) => (u) => {
    const { ctx, bbox } = u
    const size = 12 * devicePixelRatio
    const ends = []
    ctx.save()
    ctx.strokeStyle = ctx.fillStyle = color
    ctx.lineWidth = devicePixelRatio
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio])
    ctx.font = size + 'px system-ui'
    ctx.textAlign = 'left'
    ctx.textBaseline = 'top'
    ctx.beginPath()
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
    ctx.clip()
    for (const { name, startS } of data.faults) {
      if (startS < u.scales.x.min || startS > u.scales.x.max) continue
      // A line of one pixel is in the middle of it.
      const left = Math.floor(u.valToPos(startS, 'x', true)) + 0.5
      ctx.beginPath()
      ctx.moveTo(left, bbox.top)
      ctx.lineTo(left, bbox.top + bbox.height)
      ctx.stroke()
      const width = ctx.measureText(name).width + size
      const from = Math.max(bbox.left, Math.min(left + size / 3, bbox.left + bbox.width - width))
      let row = ends.findIndex((end) => end < from)
      if (row < 0) row = ends.length
      ends[row] = from + width
      ctx.fillText(name, from, bbox.top + size / 4 + row * size * 1.2)
    }
    ctx.restore()
  }

  const charts = []
  const draw = (id, columns, series, scale, format, tick) => {
    const place = document.getElementById(id)
    const css = getComputedStyle(document.documentElement)
    const color = (name) => css.getPropertyValue('--' + name).trim()
    const axis = { stroke: color('muted'), grid: { stroke: color('grid'), width: 1 }, ticks: { stroke: color('grid'), width: 1 }, font: '12px system-ui' }
    const options = {
      width: place.clientWidth,
      height: 260,
      cursor: { sync: { key: 'run' }, points: { size: 6 }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: scale },
      axes: [
        { ...axis, values: (u, splits) => splits.map(time) },
        { ...axis, size: 64, values: (u, splits) => splits.map((x) => (x == null ? '' : tick(x))) },
      ],
      series: [
        { label: 'time', value: (u, s) => time(s) },
        ...series.map(([label, name, width, dash]) => ({ label, stroke: color(name), width, dash, points: { show: data.tS.length === 1 }, value: (u, y) => format(y) })),
      ],
      hooks: { drawClear: [shade(color('shade'), color('fault'))], draw: [mark(color('warn'))] },
    }
    charts.push(new uPlot(options, [data.tS, ...columns], place))
  }

  const all = () => {
    for (const chart of charts.splice(0)) chart.destroy()
    // Where all goes well the three are one line: a broad one below, and the last one dashed.
    draw('rates', [data.planned, data.received, data.sent], [['planned', 'line-quiet', 7], ['received', 'line-2', 2], ['sent', 'line-1', 2, [7, 7]]],
      { range: (u, min, max) => [0, Math.max(1, max * 1.08)] }, count, roundCount)
    // Whole decades, and at least one: a flat line has to look flat.
    const decades = (u, min, max) => [10 ** Math.floor(Math.log10(min || 1)), 10 ** Math.ceil(Math.log10((max || 1000) * 1.01))]
    draw('latency', [data.p50Us, data.p99Us], [['p50', 'line-1', 2], ['p99', 'line-3', 2]], { distr: 3, range: decades }, latency, latency)
  }
  if (data.tS.length > 0) all()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', all)
  addEventListener('resize', () => {
    for (const chart of charts) chart.setSize({ width: chart.root.parentElement.clientWidth, height: 260 })
  })
})()
`

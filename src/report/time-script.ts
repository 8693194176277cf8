/** Draws charts over time in the reader's browser: a part of `pageScript`. It takes `times` of the page's data, a `TimeCharts`. */
export const TIME_SCRIPT = `
const times = page.times
const clock = (s) => {
  if (s == null) return '-'
  if (s < 120) return significant(s) + ' s'
  // Rounded before it is cut: 179.6 s is 3:00.
  const whole = Math.round(s)
  const parts = whole < 3600 ? [Math.floor(whole / 60), whole % 60] : [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

// Seconds between ticks: what clocks have.
const STEPS = [1, 2, 5, 10, 15, 30].flatMap((step) => [step / 100, step / 10, step, step * 60]).concat([1, 2, 4, 12, 24, 48].map((hours) => hours * 3600)).sort((a, b) => a - b)

// Behind the lines, where the figures are of, and in it the faults.
const band = (u, name, startS, endS) => {
  const { min, max } = u.scales.x
  const [left, right] = [startS, endS].map((s) => u.valToPos(Math.min(Math.max(s, min), max), 'x', true))
  u.ctx.save()
  u.ctx.fillStyle = color(name)
  u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height)
  u.ctx.restore()
}
const bands = (u) => {
  for (const { startS, endS, isMeasured } of times.phases) if (isMeasured) band(u, 'shade', startS, endS)
  for (const { startS, endS } of times.faults) band(u, 'fault', startS, endS)
}

// Where phases and faults begin, with their names.
const starts = (u) => {
  const { min, max } = u.scales.x
  const isSeen = ({ startS, endS }) => startS <= max && endS >= min
  const phases = times.phases.filter(isSeen)
  const faults = times.faults.filter(isSeen)
  for (const { startS } of phases) if (startS > min) upright(u, startS, 'mark', [])
  for (const { startS } of faults) if (startS > min) upright(u, startS, 'warn', [4, 3])
  const at = (s) => u.valToPos(Math.max(s, min), 'x') + u.bbox.left / devicePixelRatio
  above(u, [
    ...phases.map(({ name, startS }) => ({ name, at: at(startS), tone: 'muted' })),
    ...faults.map(({ name, startS }) => ({ name, at: at(startS) + 4, tone: 'warn' })),
  ])
}
const rowsAbove = (width) => {
  const [from, to] = [times.tS[0], Math.max(times.tS.at(-1), times.tS[0] + 1e-3)]
  const at = (s) => 76 + (Math.min(Math.max(s - from, 0), to - from) / (to - from)) * (width - 96)
  const names = [...times.phases, ...times.faults].map(({ name, startS }) => ({ name, at: at(startS) }))
  return 1 + Math.max(0, ...inRows(names, 76, width - 20).map(({ row }) => row))
}

// So that axes read 16 MiB, 32 MiB.
const BYTE_STEPS = Array.from({ length: 50 }, (_, i) => 2 ** i)
const ranges = {
  linear: { range: (u, min, max) => [0, Math.max(1, max * 1.08)] },
  fraction: { range: (u, min, max) => [0, (max || 1) * 1.08] },
  share: { range: () => [0, 1] },
  log: { distr: 3, range: decades },
}
for (const { id, height, scale, format, lines } of times ? times.charts : []) {
  const rows = (width) => rowsAbove(width) * ROW
  addChart(id, height, (width) => ({
    // A logarithmic scale has no place for 0: nothing is faster than a microsecond.
    data: [times.tS, ...lines.map(({ values }) => (scale === 'log' ? values.map((x) => (x === null ? null : Math.max(1, x))) : values))],
    height: height + rows(width),
    padding: [rows(width) + 6, null, null, null],
    cursor: { sync: { key: 'run' }, points: { size: 6 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: ranges[scale] },
    axes: axes(
      { incrs: STEPS, values: (u, splits) => splits.map(clock) },
      { ...(format === 'bytes' && { incrs: BYTE_STEPS }), values: (u, splits) => splits.map((x) => (x == null ? '' : ticks[format](x))) },
    ),
    series: [
      { label: 'time', value: (u, s) => clock(s) },
      ...lines.map(({ label, color, width, isDashed, values }) => ({
        ...line(label, color, width, isDashed ? [7, 7] : undefined, (u, y, s, i) => (i == null || values[i] === null ? '-' : formats[format](values[i]))),
        points: { show: times.tS.length === 1 },
      })),
    ],
    hooks: { drawClear: [bands], draw: [starts] },
  }))
}
`

/**
 * What the scripts of pages have in common: formats, colours, axes, the keyboard, and when charts are drawn again.
 *
 * Scripts are text, since they run in the reader's browser and not here. They read the page's JSON and its CSS variables, and draw with
 * uPlot. `pageScript` joins this and the parts that a page needs (`CURVE_SCRIPT`, `TIME_SCRIPT`) into one script, so that a page's
 * policy names one hash for it.
 */

/** @param parts  what is drawn, each from its member of the page's data */
export function pageScript(parts: readonly string[]): string {
  return `(() => {\n'use strict'${FORMATS}${BASE}${parts.join('')}\ndrawAll()\n})()\n`
}

/** The formats of `units.ts`, to the letter: a value under the cursor must read as it does in the tables. */
export const FORMATS = `
const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })
const significant = (x) => {
  const size = Math.abs(x)
  const rounded = Number(x.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2))
  return numbers.format(rounded === 0 ? 0 : rounded)
}
const formats = {
  count: (x) => numbers.format(Math.round(x)),
  bytes: (x) => {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
    let unit = 0
    while (Math.abs(x) >= 1023.5 && unit < units.length - 1) {
      x /= 1024
      unit++
    }
    return significant(x) + ' ' + units[unit]
  },
  share: (x) => {
    const percent = x * 100
    const text = significant(percent)
    if (text === '100' && percent < 100) return percent >= 99.99 ? '> 99.99 %' : Math.floor(percent * 100) / 100 + ' %'
    return text === '0' && percent > 0 ? '< 0.01 %' : text + ' %'
  },
  duration: (us) =>
    us < 999.5 ? significant(us) + ' µs'
    : us < 999.5e3 ? significant(us / 1e3) + ' ms'
    : us < 119.5e6 ? significant(us / 1e6) + ' s'
    : us < 119.5 * 60e6 ? significant(us / 60e6) + ' min'
    : significant(us / 3600e6) + ' h',
}
`

const BASE = `
const page = JSON.parse(document.getElementById('page-data').textContent)

// For axes: as short as it can be.
const ticks = {
  bytes: formats.bytes,
  count: (x) => (x >= 1e6 ? significant(x / 1e6) + 'M' : x >= 1e3 ? significant(x / 1e3) + 'k' : significant(x)),
  share: (x) => significant(x * 100) + ' %',
  duration: formats.duration,
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()
const FONT = '12px system-ui, sans-serif'
// One axis below and one to the left, with their words.
const axes = (below, left) => {
  const look = { stroke: color('muted'), grid: { stroke: color('grid'), width: 1 }, ticks: { stroke: color('grid'), width: 1 }, font: FONT }
  return [{ ...look, size: 34, ...below }, { ...look, size: 64, ...left }]
}
const line = (label, name, width, dash, value) => ({ label, stroke: color(name), width, dash, value })

// Whole decades, and at least one: a flat line has to look flat.
const decades = (u, min, max) => [10 ** Math.floor(Math.log10(min || 1)), 10 ** Math.ceil(Math.log10((max || 1000) * 1.01))]

// A vertical line over the whole height.
const upright = (u, x, name, dash) => {
  const { ctx, bbox } = u
  // A line of one pixel is in the middle of it.
  const left = Math.floor(u.valToPos(x, 'x', true)) + 0.5
  ctx.save()
  ctx.strokeStyle = color(name)
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio))
  ctx.beginPath()
  ctx.moveTo(left, bbox.top)
  ctx.lineTo(left, bbox.top + bbox.height)
  ctx.stroke()
  ctx.restore()
}

// Rows for names that stand above a chart, from left to right, each in the lowest row where it does not touch another.
const ROW = 15
const measuring = document.createElement('canvas').getContext('2d')
const inRows = (names, left, right) => {
  measuring.font = FONT
  const ends = []
  return names.toSorted((a, b) => a.at - b.at).map((one) => {
    const width = measuring.measureText(one.name).width
    const from = Math.max(left, Math.min(one.at, right - width))
    let row = ends.findIndex((end) => end < from)
    if (row < 0) row = ends.length
    ends[row] = from + width + 10
    return { ...one, from, row }
  })
}
const above = (u, names) => {
  const { ctx, bbox } = u
  const ratio = devicePixelRatio
  ctx.save()
  ctx.scale(ratio, ratio)
  ctx.font = FONT
  ctx.textAlign = 'left'
  ctx.textBaseline = 'bottom'
  for (const { name, tone, from, row } of inRows(names, bbox.left / ratio, (bbox.left + bbox.width) / ratio)) {
    const bottom = bbox.top / ratio - 3 - row * ROW
    ctx.fillStyle = color(tone)
    // A zoomed chart may need more rows than it has.
    if (bottom >= ROW - 2) ctx.fillText(name, from, bottom)
  }
  ctx.restore()
}

// Charts are made anew when colours or the width change; printing has a width of its own.
const PRINT_WIDTH = 640
const paper = matchMedia('print')
const charts = new Map()
const addChart = (id, height, options) => {
  const place = document.getElementById(id)
  charts.set(place, { height, options, chart: null })
  place.addEventListener('keydown', (event) => moveCursor(event, place, charts.get(place).chart))
}
const drawAll = (isPrinted = paper.matches) => {
  for (const [place, entry] of charts) {
    entry.chart?.destroy()
    const width = isPrinted ? PRINT_WIDTH : place.clientWidth
    const { data, ...options } = entry.options(width)
    entry.chart = new uPlot({ width, height: entry.height, ...options }, data, place)
  }
  reach()
}

// What scrolls can be reached by the keyboard, and nothing else.
const reach = () => {
  for (const area of document.querySelectorAll('.scroll')) {
    if (area.scrollWidth > area.clientWidth) area.tabIndex = 0
    else area.removeAttribute('tabindex')
  }
}
// What is folded has no width in some browsers.
document.addEventListener('toggle', reach, true)

// Arrows, page keys, Home and End move the cursor as the mouse does, and what is there is said.
const moveCursor = (event, place, chart) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return
  const [xs] = chart.data
  const { min, max } = chart.scales.x
  const first = Math.max(0, xs.findIndex((x) => x >= min))
  const last = Math.max(first, xs.findLastIndex((x) => x <= max))
  const at = chart.cursor.idx
  const leap = Math.max(1, Math.round((last - first) / 10))
  const to = {
    ArrowLeft: (at ?? last + 1) - 1,
    ArrowRight: (at ?? first - 1) + 1,
    PageUp: (at ?? last) - leap,
    PageDown: (at ?? first) + leap,
    Home: first,
    End: last,
  }[event.key]
  if (to === undefined) return
  event.preventDefault()
  const i = Math.min(Math.max(to, first), last)
  chart.setCursor({ left: chart.valToPos(xs[i], 'x'), top: chart.over.clientHeight / 2 }, true, true)
  const said = chart.series.map(({ label, value }, s) => label + ' ' + value(chart, chart.data[s][i], s, i))
  place.parentElement.querySelector('.said').textContent = said.join(', ')
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawAll())
paper.addEventListener('change', () => drawAll())
addEventListener('beforeprint', () => drawAll(true))
addEventListener('afterprint', () => drawAll(false))
let lastWidth = innerWidth
addEventListener('resize', () => {
  if (innerWidth === lastWidth) return
  lastWidth = innerWidth
  drawAll()
})
`

/**
 * Points on two logarithmic axes, as a drawing in the page itself: no script, so it prints and reads as it is.
 */
import { html, type Markup } from '../report/markup.ts'
import { median } from '../stats/sample.ts'
import { formatDuration, US_PER_MS } from '../units.ts'
import type { TrialVerdict } from './types.ts'

export interface Plot {
  /** y in microseconds; null: ∞, or no sample. */
  readonly points: readonly { readonly x: number; readonly y: number | null; readonly tone: TrialVerdict }[]
  /** What y may be, drawn as a line; null: it is not limited. */
  readonly limit: { readonly y: number; readonly words: string } | null
  /** From and to on x, shaded. */
  readonly bands: readonly (readonly [number, number])[]
  readonly formatX: (x: number) => string
  /** What it shows, for those who don't see it. */
  readonly words: string
}

const WIDTH = 960
const HEIGHT = 300
const LEFT = 76
const BOTTOM = 34
const TOP = 10
const RIGHT = 24
const COLORS: Readonly<Record<TrialVerdict, string>> = { good: 'good', bad: 'bad', undecided: 'warn', invalid: 'muted' }

export function renderPlot({ points, limit, bands, formatX, words }: Plot): Markup {
  const x = scaleOf(
    points.map((point) => point.x),
    LEFT,
    WIDTH - RIGHT,
  )
  const told = points.flatMap((point) => point.y ?? [])
  const limited = limit === null ? told : [...told, limit.y]
  const y = scaleOf(limited.length > 0 ? limited : [US_PER_MS], HEIGHT - BOTTOM, TOP)
  const shades = bands.map(
    ([from, to]) =>
      html`<rect x="${x.at(from)}" y="${TOP}" width="${Math.max(1, x.at(to) - x.at(from))}" height="${HEIGHT - BOTTOM - TOP}" fill="var(--shade)" stroke="var(--edge)"/>`,
  )
  const lines = y.ticks.map(
    (value) =>
      html`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(value)}" y2="${y.at(value)}" stroke="var(--grid)"/><text x="${LEFT - 8}" y="${y.at(value) + 4}" text-anchor="end">${formatDuration(value)}</text>`,
  )
  const names = x.ticks.map(
    (value) => html`<text x="${x.at(value)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${formatX(value)}</text>`,
  )
  const curve = medians(points).map(({ x: load, y: us }) => `${x.at(load)},${us === Infinity ? TOP : y.at(us)}`)
  const may =
    limit &&
    html`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(limit.y)}" y2="${y.at(limit.y)}" stroke="var(--bad)" stroke-dasharray="6 4"/><text x="${WIDTH - RIGHT}" y="${y.at(limit.y) - 5}" text-anchor="end">${limit.words}</text>`
  const marks = points.map(({ x: load, y: us, tone }) => {
    const title = html`<title>${formatX(load)}: ${us === null ? '∞ or no sample' : formatDuration(us)}, ${tone}</title>`
    const fill = `var(--${COLORS[tone]})`
    // What never came is above all that did.
    if (us === null) return html`<path d="M${x.at(load)} ${TOP} l6 10 h-12 z" fill="${fill}">${title}</path>`
    return html`<circle cx="${x.at(load)}" cy="${y.at(us)}" r="5" fill="${fill}">${title}</circle>`
  })
  return html`<figure class="panel"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${words}" style="width:100%;font-size:12px;fill:var(--muted)">${shades}${lines}${names}${may}<polyline points="${curve.join(' ')}" fill="none" stroke="var(--muted)"/>${marks}</svg>
<p class="under">Each dot is a trial: green good, red bad, amber undecided, grey invalid; a triangle at the top is ∞. The curve goes through the median of each load, and the dashed line is the SLO's. What is shaded is the result.</p></figure>`
}

/** Of trials at the same load in which the generator was not the limit, by load. */
function medians(points: Plot['points']): { x: number; y: number }[] {
  const told = points.filter(({ tone }) => tone !== 'invalid')
  const loads = [...new Set(told.map(({ x }) => x))].sort((a, b) => a - b)
  return loads.map((load) => ({ x: load, y: median(told.filter(({ x }) => x === load).map(({ y }) => y ?? Infinity)) }))
}

interface Scale {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** Logarithmic, with some air at both ends; ticks at 1, 2 and 5 of each decade, or at the ends where those are too few. */
function scaleOf(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values) / 1.1, Math.max(...values) * 1.1]
  const at = (value: number) =>
    Number((from + ((Math.log(value) - Math.log(least)) / (Math.log(most) - Math.log(least))) * (to - from)).toFixed(1))
  const decades = Array.from(
    { length: Math.ceil(Math.log10(most)) - Math.floor(Math.log10(least)) + 1 },
    (_, i) => 10 ** (Math.floor(Math.log10(least)) + i),
  )
  const round = decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]).filter((value) => value >= least && value <= most)
  return { at, ticks: round.length >= 2 ? round : [least * 1.1, most / 1.1] }
}

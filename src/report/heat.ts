/**
 * A matrix as a heat map: cells in five steps of one colour, by where their value lies between the lowest and the highest.
 *
 * Every value stands there as text too, and the steps are told in words, so nothing hangs on the colour. Steps are of equal ratio: a node
 * that is twice as slow is as far off at 2 ms as at 200 ms.
 */
import type { Matrix } from './cluster.ts'
import { html, type Markup } from './markup.ts'
import { cell, scrolled } from './page.ts'

const STEPS = 5
/** Highest over lowest below which all is one step: a colour would tell of differences that say nothing. */
const FLAT_RATIO = 1.05

/** Bounds of the steps, ascending, first the lowest and last the highest value; null: nothing to compare. */
export function heatScale(values: readonly (number | null)[]): readonly number[] | null {
  const some = values.filter((value) => value !== null && value > 0 && Number.isFinite(value)) as number[]
  if (some.length < 2) return null
  const [lowest, highest] = [Math.min(...some), Math.max(...some)]
  if (highest < lowest * FLAT_RATIO) return null
  return Array.from({ length: STEPS + 1 }, (_, i) => lowest * (highest / lowest) ** (i / STEPS))
}

/** 1 to 5, or 0: it has no colour. */
export function heatStep(scale: readonly number[] | null, value: number | null): number {
  if (scale === null || value === null || value <= 0 || !Number.isFinite(value)) return 0
  const above = scale.findIndex((bound) => value < bound)
  return above < 0 ? STEPS : Math.max(1, above)
}

export function heatMap({ title, columns, rows, values, format }: Matrix): Markup {
  const scale = heatScale(values.flat())
  const body = rows.map(({ name, cells }, r) => {
    const colored = cells.map((one, c) => {
      const step = heatStep(scale, values[r]![c]!)
      return step === 0 ? cell(one) : html`<td class="number heat-${step}">${one.text}</td>`
    })
    return html`<tr><th scope="row">${name}</th>${colored}</tr>`
  })
  const head = html`<tr><td></td>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr>`
  const table = html`<table><caption>${title}</caption><thead>${head}</thead><tbody>${body}</tbody></table>`
  return html`<div class="panel heat">${scrolled(table, title)}${scale === null ? html`<p class="under">All are about the same.</p>` : legend(scale, format)}</div>`
}

function legend(scale: readonly number[], format: (value: number) => string): Markup {
  const steps = scale.slice(0, -1).map((from, i) => html`<b class="heat-${i + 1}">${format(from)} – ${format(scale[i + 1]!)}</b>`)
  return html`<p class="scale">From lowest to highest, by equal ratios: ${steps}</p>`
}

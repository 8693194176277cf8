/**
 * A page that is whole in itself, to open from a disk, attach to a ticket or keep for years.
 *
 * It asks the network for nothing: style, charts and data are inside, and its content security policy lets only its own two scripts run,
 * by their hashes. All text of users and brokers goes through `html`, which escapes.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Cell, Table } from './cells.ts'
import type { TimeCharts } from './charts.ts'
import type { CurveChart } from './curve.ts'
import { CURVE_SCRIPT } from './curve-script.ts'
import { html, Markup } from './markup.ts'
import { pageScript } from './page-script.ts'
import { STYLE } from './style.ts'
import { TIME_SCRIPT } from './time-script.ts'

export interface Page {
  readonly title: string
  /** What `main` holds. */
  readonly body: Markup
  /** Charts are drawn in the `chartPanel` of their id, which has to be in the body. */
  readonly curves: readonly CurveChart[]
  readonly times: TimeCharts | null
}

/** The whole document. */
export function renderPage({ title, body, curves, times }: Page): string {
  const uplot = readFileSync(resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')
  const uplotStyle = readFileSync(resolve('uplot/dist/uPlot.min.css'), 'utf8')
  const script = pageScript([...(times === null ? [] : [TIME_SCRIPT]), ...(curves.length === 0 ? [] : [CURVE_SCRIPT])])
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${[uplot, script].map(sourceHash).join(' ')}`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${new Markup(uplotStyle + STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the result</a>
<main id="main">
${body}
</main>
<script type="application/json" id="page-data">${new Markup(inertJson({ curves, times }))}</script>
<script>${new Markup(uplot)}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`.text
}

/** How a page begins that is not of a single run: what it is of, and the verdict with its reasons. */
export function pageHead(brand: string, view: Heading): Markup {
  const { headline, reasons = [], facts, notes } = view
  return html`<header>
<p class="brand">${brand}</p>
<h1>${facts[0]!}</h1>
<p class="facts">${facts.slice(1).join(' · ')}</p>
</header>
<section class="verdict ${headline.tone}">
<p><strong>${headline.text}</strong><span class="reason">${headline.reason}</span></p>
${reasons.map((reason) => html`<p>${reason}</p>`)}
</section>
${notes.map((note) => html`<p class="note">${note}</p>`)}`
}

export interface Heading {
  readonly headline: Cell & { readonly reason: string }
  /** After the headline's. */
  readonly reasons?: readonly string[]
  /** The first is the title. */
  readonly facts: readonly string[]
  readonly notes: readonly string[]
}

/** A chart's place, what it says to those who don't see it, and the same as a table. */
export function chartPanel({
  id,
  words,
  notes = [],
  table,
}: {
  id: string
  words: string
  notes?: readonly string[]
  table: Table
}): Markup {
  return html`<figure class="panel chart">
<div class="plot" id="${id}" role="img" tabindex="0" aria-label="${words}" aria-describedby="keys"></div>
<p class="said" aria-live="polite"></p>
${notes.map((note) => html`<p class="under">${note}</p>`)}
<details class="data"><summary>The same as a table</summary>${scrolled(grid(table), table.title)}</details>
</figure>`
}

/** What the keys do in a chart: once a page, for all its charts. */
export const KEYS = html`<p id="keys" class="hint">In a chart, arrow keys move the cursor, Home and End go to its ends; dragging zooms, a double click shows all again.</p>`

/** A panel whose table scrolls by itself where it is too wide. */
export function tablePanel(table: Table): Markup {
  return html`<div class="panel">${scrolled(grid(table), table.title)}</div>`
}

/** Whatever is too wide for the page scrolls within it; the script lets the keyboard reach those that do. */
export function scrolled(inner: Markup, label: string): Markup {
  return html`<div class="scroll" role="group" aria-label="${label}">${inner}</div>`
}

function grid({ title, columns, rows }: Table): Markup {
  const body = rows.map(({ name, cells }) => html`<tr><th scope="row">${name}</th>${cells.map(cell)}</tr>`)
  const head = html`<tr><td></td>${columns.map(number)}</tr>`
  return html`<table><caption>${title}</caption><thead>${head}</thead><tbody>${body}</tbody></table>`
}

export function cell({ text, tone }: Cell): Markup {
  return html`<td class="number ${tone}">${text}</td>`
}

export function number(text: string): Markup {
  return html`<th scope="col" class="number">${text}</th>`
}

/** JSON that can't end the script element it is in, whatever its strings hold. */
function inertJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

function sourceHash(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`
}

function resolve(file: string): string {
  return createRequire(import.meta.url).resolve(file)
}

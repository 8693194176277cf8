/** A sizing as a page of its own: the answer, a bar for each constraint, and everything they rest on. It asks the network for nothing. */
import type { Cell } from '../report/cells.ts'
import { html, type Markup } from '../report/markup.ts'
import { cell, number, pageHead, renderPage, scrolled } from '../report/page.ts'
import { formatCount } from '../units.ts'
import { viewOf, type WordTable } from './size-view.ts'
import type { SizedConstraint, Sizing } from './sizing.ts'

/** The whole document. */
export function renderHtml(sizing: Sizing): string {
  const view = viewOf(sizing)
  const { headline } = view
  const [first, ...others] = view.tables
  const body = html`${pageHead('mqtt-scale size', view)}
${first === undefined ? null : section(first, bars(sizing.constraints))}
${others.map((table) => section(table, null))}
<h2>Runs that would narrow it most</h2>
<div class="panel"><ol>${view.nextRuns.map(({ what, why }) => html`<li>${what}: ${why}</li>`)}</ol></div>
<h2>Not covered</h2>
<div class="panel"><ul>${view.notCovered.map((words) => html`<li>${words}</li>`)}</ul></div>
<footer>Each constraint takes the end of its input that asks for more. Measured: a run of this size. Interpolated: between runs. Extrapolated: beyond them, to twice the largest. Assumed: the target says so.</footer>`
  return renderPage({ title: `${headline.text} · ${view.facts[0]} · mqtt-scale size`, body, curves: [], times: null })
}

/** How many nodes each asks for: the table below says the same. */
function bars(constraints: readonly SizedConstraint[]): Markup {
  const asked = constraints
    .map((one) => ({ ...one, nodes: one.survivors ?? (one.refusal === null ? null : one.fewest) }))
    .filter(({ nodes }) => nodes !== null)
  const most = Math.max(1, ...asked.map(({ nodes }) => nodes!))
  return html`<div class="panel bars" aria-hidden="true">${asked.map(
    ({ title, nodes, binds, survivors }) =>
      html`<p><span>${title}</span><b><i class="${binds ? 'binds' : ''}" style="width: ${((100 * nodes!) / most).toFixed(1)}%"></i></b><em>${survivors === null ? '≥ ' : ''}${formatCount(nodes!)}</em></p>`,
  )}</div>`
}

function section({ title, columns, words, rows, foot }: WordTable, before: Markup | null): Markup {
  const head = html`<tr><td></td>${columns.map(number)}${words === null ? null : html`<th scope="col">${words}</th>`}</tr>`
  const line = (name: string, cells: readonly Cell[], sentence: string) =>
    html`<tr><th scope="row">${name}</th>${cells.map(cell)}${words === null ? null : html`<td class="basis">${sentence}</td>`}</tr>`
  const table = html`<table><caption>${title}</caption><thead>${head}</thead><tbody>${rows.map((row) => line(row.name, row.cells, row.words))}</tbody></table>`
  return html`<h2>${title}</h2>${before}<div class="panel">${scrolled(table, title)}${foot.map((sentence) => html`<p>${sentence}</p>`)}</div>`
}

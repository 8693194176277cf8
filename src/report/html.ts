/**
 * `report.html`: the report of a run as one page, the verdict first, then what it rests on, then everything else.
 *
 * The words and their order are those of `viewOf`, which the terminal draws too.
 */
import { type TimeCharts, timeCharts, timeTable, timeWords } from './charts.ts'
import { curveChart, curveNotes, curveTable, curveWords, type NamedCurve } from './curve.ts'
import { heatMap } from './heat.ts'
import { html, type Markup } from './markup.ts'
import { chartPanel, KEYS, renderPage, tablePanel } from './page.ts'
import { answers, cards, counts, facts, faults, generator, latencies, thresholds, verdict } from './sections.ts'
import type { Report } from './types.ts'
import { viewOf } from './view.ts'

export interface HtmlOptions {
  /** Names of the run's other files where they lie beside the page; none: it stands alone. */
  readonly files?: readonly string[]
}

interface Section {
  readonly id: string
  readonly title: string
  /** null: there is nothing to show. */
  readonly body: Markup | null
  /** Named in the list of contents. */
  readonly isListed?: boolean
}

/** The whole document. */
export function renderHtml(report: Report, { files = [] }: HtmlOptions = {}): string {
  const view = viewOf(report)
  const { run, plan } = report
  const times = timeCharts(report)
  const named: NamedCurve[] = [
    { label: 'end to end', color: 'line-1', summary: report.endToEndUs },
    { label: 'ack', color: 'line-3', isDashed: true, summary: report.ackUs },
  ]
  const curves = curveChart('percentiles', named)
  const chart = (id: string) => timeChart(times, id)
  const sections: Section[] = [
    { id: 'thresholds', title: 'Thresholds', body: view.thresholds.length === 0 ? null : thresholds(view), isListed: true },
    { id: 'over-time', title: 'Latency over time, end to end', body: chart('latency'), isListed: true },
    { id: 'throughput', title: 'Messages a second', body: chart('rates'), isListed: true },
    {
      id: 'by-percentile',
      title: 'Latency by percentile',
      body: curves && chartPanel({ id: curves.id, words: curveWords(named), notes: curveNotes(curves), table: curveTable(curves) }),
      isListed: true,
    },
    { id: 'latencies', title: 'Latencies', body: latencies(view) },
    { id: 'counts', title: 'Counts', body: counts(view), isListed: true },
    { id: 'faults', title: 'Faults', body: view.faults.length === 0 ? null : faults(view, report), isListed: true },
    ...view.matrices.map((matrix, i) => ({ id: `matrix-${i}`, title: matrix.title, body: heatMap(matrix), isListed: i === 0 })),
    ...view.parts.map((table, i) => ({ id: `part-${i}`, title: table.title, body: tablePanel(table), isListed: true })),
    { id: 'brokers', title: 'Brokers over time', body: nodeCharts(times), isListed: true },
    {
      id: 'connecting',
      title: 'Connects',
      body: html`<h3>Each second</h3>${chart('connects')}<h3>Connected clients</h3>${chart('connected')}${answers(report)}`,
      isListed: true,
    },
    {
      id: 'generator',
      title: 'Generator',
      body: html`<h3>Send lag</h3>${chart('lag')}<h3>Busy</h3>${chart('busy')}${generator(report)}`,
      isListed: true,
    },
    ...view.details.map((table, i) => ({ id: `detail-${i}`, title: table.title, body: tablePanel(table) })),
    { id: 'machine', title: 'Run and machine', body: facts(report, view), isListed: true },
    {
      id: 'scenario',
      title: 'Scenario',
      body: html`<div class="panel"><details><summary>The plan, with every default filled in</summary><pre>${JSON.stringify(plan, null, 2)}</pre></details></div>`,
    },
    { id: 'files', title: 'Files', body: fileList(files), isListed: true },
  ].filter(({ body }) => body !== null)
  const body = html`<header>
<p class="brand">mqtt-scale report</p>
<h1>${run.scenario}</h1>
${plan.description === '' ? null : html`<p class="description">${plan.description}</p>`}
<p class="facts">${view.facts.slice(1).join(' · ')}</p>
</header>
${verdict(view)}
${view.notes.map((note) => html`<p class="note">${note}</p>`)}
${cards(view)}
<nav class="contents" aria-label="Contents"><ul>${sections
    .filter(({ isListed }) => isListed)
    .map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
${KEYS}
${sections.map(({ id, title, body }) => html`<section><h2 id="${id}">${title}</h2>${body}</section>`)}
<footer>Latency runs from the intended time of a message; what never came counts as infinitely late (∞). The shaded stretch of a chart is what the figures are of${Object.keys(report.faults).length === 0 ? '' : ', and in it each fault is shaded from its start until it was recovered'}.</footer>`
  return renderPage({
    title: `${view.headline.text} · ${run.scenario} · mqtt-scale`,
    body,
    curves: curves === null ? [] : [curves],
    times,
  })
}

/** A chart over time, or words where no second has a value. */
function timeChart(times: TimeCharts | null, id: string): Markup {
  const chart = times?.charts.find((chart) => chart.id === id)
  if (!times || !chart) return html`<div class="panel"><p>No second of the run has a value.</p></div>`
  return chartPanel({ id, words: timeWords(times, chart), table: timeTable(times, chart) })
}

/** null: no node told anything of itself. */
function nodeCharts(times: TimeCharts | null): Markup | null {
  const charts = [
    ['node-memory', 'Memory'],
    ['node-cpu', 'CPU'],
    ['node-connections', 'Connections'],
    ['node-subscriptions', 'Subscriptions'],
    ['node-in', 'Messages in'],
    ['node-out', 'Messages out'],
    ['node-queued', 'Waiting messages'],
    ['node-dropped', 'Dropped messages'],
  ] as const
  const some = charts.filter(([id]) => times?.charts.some((chart) => chart.id === id))
  return some.length === 0 ? null : html`${some.map(([id, title]) => html`<h3>${title}</h3>${timeChart(times, id)}`)}`
}

function fileList(files: readonly string[]): Markup {
  const words =
    files.length === 0
      ? html`<p>This page stands alone. The folder that the run wrote has the rest: report.json, timeline.ndjson, events.ndjson and histograms.hlog.</p>`
      : html`<p>Beside this page: ${files.map((name, i) => html`${i === 0 ? '' : ' · '}<a href="${name}">${name}</a>`)}</p>`
  return html`<div class="panel">${words}</div>`
}

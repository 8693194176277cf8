/**
 * `report.html`: one page with everything in it, to open from a disk, attach to a ticket or keep for years.
 *
 * It asks the network for nothing: style, charts and data are inside, and its content security policy lets only its own two scripts run,
 * by their hashes. All text of users and brokers goes through `html`, which escapes.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { formatBytes, formatCount } from '../units.ts'
import type { Cell, Table } from './cells.ts'
import { CHARTS_SCRIPT, chartData } from './charts.ts'
import { html, Markup } from './markup.ts'
import { STYLE } from './style.ts'
import type { Report } from './types.ts'
import { QUANTILE_WORDS, QUANTILES, type View, viewOf } from './view.ts'

/** The whole document. */
export function renderHtml(report: Report): string {
  const view = viewOf(report)
  const { run, plan } = report
  const uplot = readFileSync(resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')
  const uplotStyle = readFileSync(resolve('uplot/dist/uPlot.min.css'), 'utf8')
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${[uplot, CHARTS_SCRIPT].map(sourceHash).join(' ')}`
  const charts = chartData(report)
  const marks = charts.faults.map(
    ({ name, startS, endS, isRecovered }) =>
      `; fault ${name} from ${startS} s to ${isRecovered ? `its recovery at ${endS.toFixed(1)} s` : 'the end'}`,
  )
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${view.headline.text} · ${run.scenario} · mqtt-scale</title>
<style>${new Markup(uplotStyle + STYLE)}</style>
</head>
<body>
<main>
<header>
<p class="brand">mqtt-scale report</p>
<h1>${run.scenario}</h1>
${plan.description === '' ? null : html`<p class="description">${plan.description}</p>`}
<p class="facts">${view.facts.slice(1).join(' · ')}</p>
</header>
${verdict(view)}
${view.notes.map((note) => html`<p class="note">${note}</p>`)}
${cards(view)}
<h2>Messages a second</h2>
<div class="panel chart" id="rates" role="img" aria-label="Messages planned, sent and received each second${marks}"></div>
<h2>End-to-end latency</h2>
<div class="panel chart" id="latency" role="img" aria-label="p50 and p99 of the end-to-end latency each second${marks}"></div>
${faults(view, report)}
${thresholds(view)}
<h2>Latency</h2>
${latencies(view)}
<h2>Counts</h2>
${counts(view)}
${[...view.parts, ...view.matrices, ...view.details].map((table) => html`<h2>${table.title}</h2>${part(table)}`)}
${view.problems.length === 0 ? null : html`<h2>Errors</h2>${panel(view.problems.map((problem) => html`<tr><td>${problem}</td></tr>`))}`}
<h2>Generator</h2>
${checks(report)}
<h2>Run and machine</h2>
${facts(report, view)}
<h2>Scenario</h2>
<div class="panel"><details><summary>The plan, with every default filled in</summary><pre>${JSON.stringify(plan, null, 2)}</pre></details></div>
<footer>Latency runs from the intended time of a message; what never came counts as infinitely late (∞). The shaded stretch is what the figures are of${charts.faults.length === 0 ? '' : ', and in it each fault is shaded from its start until it was recovered'}.</footer>
</main>
<script type="application/json" id="chart-data">${new Markup(inertJson(charts))}</script>
<script>${new Markup(uplot)}</script>
<script>${new Markup(CHARTS_SCRIPT)}</script>
</body>
</html>
`.text
}

function verdict({ headline, reasons, suspects }: View): Markup {
  return html`<section class="verdict ${headline.tone}">
<p><strong>${headline.text}</strong><span class="reason">${headline.reason}</span></p>
${reasons.map((reason) => html`<p>${reason}</p>`)}
${suspects.map((words) => html`<p><span class="warn">suspect:</span> ${words}</p>`)}
</section>`
}

function cards({ highlights }: View): Markup {
  return html`<section class="cards">${highlights.map(
    ({ label, text, tone, detail }) =>
      html`<div class="card"><div class="label">${label}</div><div class="figure ${tone}">${text}</div><div class="detail">${detail}</div></div>`,
  )}</section>`
}

function faults({ faults }: View, { plan }: Report): Markup {
  const rows = faults.map(
    ({ name, what, lines }) => html`<tr><th>${name}</th><td>${[what, ...lines].map((items) => html`<p>${dotted(items)}</p>`)}</td></tr>`,
  )
  const outputs = faults.flatMap(({ name, output }, i) =>
    output === null
      ? []
      : [html`<details><summary>What the command of ${name} said</summary><pre>$ ${plan.faults[i]!.exec}\n${output}</pre></details>`],
  )
  if (rows.length === 0) return html``
  return html`<h2>Faults</h2>${panel(rows)}${outputs.length === 0 ? null : html`<div class="panel">${outputs}</div>`}`
}

function dotted(items: readonly Cell[]): Markup[] {
  return items.map(({ text, tone }, i) => html`${i === 0 ? '' : ' · '}<span class="${tone}">${text}</span>`)
}

function thresholds(view: View): Markup {
  const rows = view.thresholds.map(
    ({ ok, expression, actual }) =>
      html`<tr><td class="mark ${ok ? 'good' : 'bad'}">${ok ? '✓ holds' : '✗ does not hold'}</td><td><code>${expression}</code></td><td class="number">${actual}</td></tr>`,
  )
  return rows.length === 0 ? html`` : html`<h2>Thresholds</h2>${panel(rows)}`
}

function latencies(view: View): Markup {
  const head = [number('count'), ...QUANTILES.map((quantile) => number(QUANTILE_WORDS[quantile]))]
  const rows = view.latencies.map(
    ({ label, meaning, count, cells }) =>
      html`<tr><th>${label}</th><td class="quiet meaning">${meaning}</td><td class="number">${count}</td>${cells.map(cell)}</tr>`,
  )
  return panel(rows, html`<tr><th></th><th></th>${head}</tr>`)
}

function counts(view: View): Markup {
  const rows = view.counts.map(
    ({ label, cells }) =>
      html`<tr class="counts"><th>${label}</th>${cells.map(({ text, word, tone }) => html`<td><b class="${tone}">${text}</b> <span class="quiet">${word}</span></td>`)}</tr>`,
  )
  return panel(rows)
}

function part({ columns, rows }: Table): Markup {
  const body = rows.map(({ name, cells }) => html`<tr><th>${name}</th>${cells.map(cell)}</tr>`)
  return panel(body, html`<tr><th></th>${columns.map(number)}</tr>`)
}

function checks({ generator }: Report): Markup {
  const rows = generator.checks.map(
    ({ name, ok, level, words }) =>
      html`<tr><td class="mark ${ok ? 'good' : level === 'invalid' ? 'bad' : 'warn'}">${ok ? '✓ ok' : `✗ ${level}`}</td><th>${name}</th><td>${words}</td></tr>`,
  )
  return panel(rows)
}

function facts({ run, host, plan }: Report, view: View): Markup {
  const labels = Object.entries(run.labels).map(([key, value]) => `${key}=${value}`)
  const rows: [string, string][] = [
    ['started', run.startedAt],
    ['phases', run.phases.map(({ name, lengthS }) => `${name} ${lengthS.toFixed(1)} s`).join(' · ')],
    ['seed, scenario hash', `${run.seed}, ${run.scenarioHash}`],
    ['brokers', plan.nodes.map(({ name, url }) => `${name} ${url}`).join(' · ')],
    ['labels', labels.join(' · ')],
    ['cluster', view.cluster.join(' · ')],
    ['shares', view.shares.join(' · ')],
    ...view.brokers.map(({ nodes, items }): [string, string] => [nodes === null ? 'broker' : `broker ${nodes}`, items.join(' · ')]),
    ['generator', view.generator.join(' · ')],
    ['machine', `${host.cpu}, ${formatCount(host.cores)} cores, ${formatBytes(host.memoryBytes)}`],
    ['system', `${host.os}, kernel ${host.kernel}`],
    ['limits', `${countOrNone(host.limits.openFiles)} open files, ${countOrNone(host.limits.localPorts)} local ports`],
    ['made by', `mqtt-scale ${host.tool}, Node ${host.node}`],
  ]
  return panel(rows.filter(([, value]) => value !== '').map(([key, value]) => html`<tr><th>${key}</th><td>${value}</td></tr>`))
}

function countOrNone(count: number | null): string {
  return count === null ? 'unlimited or unknown' : formatCount(count)
}

function panel(rows: readonly Markup[], head: Markup | null = null): Markup {
  return html`<div class="panel"><table>${head === null ? null : html`<thead>${head}</thead>`}<tbody>${rows}</tbody></table></div>`
}

function cell({ text, tone }: Cell): Markup {
  return html`<td class="number ${tone}">${text}</td>`
}

function number(text: string): Markup {
  return html`<th class="number">${text}</th>`
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

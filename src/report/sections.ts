/**
 * The sections of the HTML report that are not charts: markup of a view's parts, one function a section.
 */
import { reasonName } from '../mqtt/reason.ts'
import { formatBytes, formatCount, formatDuration } from '../units.ts'
import { type Cell, countCell, latencyCell, type Table, type Tone } from './cells.ts'
import { html, type Markup } from './markup.ts'
import { cell, number, scrolled, tablePanel } from './page.ts'
import type { Report } from './types.ts'
import { isRefusal, QUANTILE_WORDS, QUANTILES, type View } from './view.ts'

export function verdict({ headline, reasons, suspects }: View): Markup {
  return html`<section class="verdict ${headline.tone}" aria-label="Verdict">
<p><strong>${headline.text}</strong><span class="reason">${headline.reason}</span></p>
${reasons.map((reason) => html`<p>${reason}</p>`)}
${suspects.map((words) => html`<p><span class="warn">suspect:</span> ${words}</p>`)}
</section>`
}

export function cards({ highlights }: View): Markup {
  return html`<section class="cards" aria-label="Main figures">${highlights.map(
    ({ label, text, tone, detail }) =>
      html`<div class="card"><div class="label">${label}</div><div class="figure ${tone}">${text}</div><div class="detail">${detail}</div></div>`,
  )}</section>`
}

export function thresholds(view: View): Markup {
  const rows = view.thresholds.map(
    ({ ok, expression, actual }) =>
      html`<tr><td class="mark ${ok ? 'good' : 'bad'}">${ok ? '✓ holds' : '✗ does not hold'}</td><th scope="row"><code>${expression}</code></th><td class="number">${actual}</td></tr>`,
  )
  const head = html`<tr><th scope="col">outcome</th><th scope="col">threshold</th>${number('actual')}</tr>`
  return panel('Thresholds and what they were held against', rows, head)
}

export function latencies(view: View): Markup {
  const head = html`<tr><th scope="col">latency</th><th scope="col" class="meaning">from → to</th>${['count', ...QUANTILES.map((quantile) => QUANTILE_WORDS[quantile])].map(number)}</tr>`
  const rows = view.latencies.map(
    ({ label, meaning, count, cells }) =>
      html`<tr><th scope="row">${label}</th><td class="quiet meaning">${meaning}</td><td class="number">${count}</td>${cells.map(cell)}</tr>`,
  )
  return panel('Latencies of the whole run', rows, head)
}

export function counts(view: View): Markup {
  const rows = view.counts.map(
    ({ label, cells }) =>
      html`<tr class="counts"><th scope="row">${label}</th>${cells.map(({ text, word, tone }) => html`<td><b class="${tone}">${text}</b> <span class="quiet">${word}</span></td>`)}</tr>`,
  )
  return panel('Counts of the whole run', rows)
}

export function faults({ faults }: View, { plan }: Report): Markup {
  const rows = faults.map(
    ({ name, what, lines }) =>
      html`<tr><th scope="row">${name}</th><td>${[what, ...lines].map((items) => html`<p>${dotted(items)}</p>`)}</td></tr>`,
  )
  const outputs = faults.flatMap(({ name, output }, i) =>
    output === null
      ? []
      : [html`<details><summary>What the command of ${name} said</summary><pre>$ ${plan.faults[i]!.exec}\n${output}</pre></details>`],
  )
  return html`${panel('Faults and what came of them', rows)}${outputs.length === 0 ? null : html`<div class="panel">${outputs}</div>`}`
}

function dotted(items: readonly Cell[]): Markup[] {
  return items.map(({ text, tone }, i) => html`${i === 0 ? '' : ' · '}<span class="${tone}">${text}</span>`)
}

/** What brokers answered, and what went wrong without an answer. */
export function answers({ reasonCodes, errors }: Report): Markup {
  const codes = Object.entries(reasonCodes).flatMap(([packet, byCode]) =>
    Object.entries(byCode).map(([code, count]) => {
      const tone: Tone = isRefusal(packet, Number(code)) ? 'bad' : 'plain'
      return html`<tr><th scope="row">${packet}</th><td><code>${code}</code></td><td class="${tone}">${reasonName(packet, Number(code)) ?? 'not in the specification'}</td>${cell(countCell(count, tone))}</tr>`
    }),
  )
  const head = html`<tr><th scope="col">packet</th><th scope="col">code</th><th scope="col">name</th>${number('count')}</tr>`
  const failed = Object.entries(errors)
    .sort((a, b) => b[1] - a[1])
    .map(([what, count]) => html`<tr><th scope="row">${what}</th>${cell(countCell(count, 'bad'))}</tr>`)
  return html`<h3>Reason codes</h3>
${codes.length === 0 ? html`<div class="panel"><p>No broker answered anything.</p></div>` : panel('Reason codes by packet', codes, head)}
<h3>Errors</h3>
${failed.length === 0 ? html`<div class="panel"><p>None.</p></div>` : panel('Errors', failed, html`<tr><th scope="col">error</th>${number('count')}</tr>`)}`
}

/** The checks of the generator, and what the sentinel saw beside the fleet. */
export function generator({ generator, endToEndUs }: Report): Markup {
  const rows = generator.checks.map(
    ({ name, ok, level, words }) =>
      html`<tr><td class="mark ${ok ? 'good' : level === 'invalid' ? 'bad' : 'warn'}">${ok ? '✓ ok' : `✗ ${level}`}</td><th scope="row">${name}</th><td>${words}</td></tr>`,
  )
  const head = html`<tr><th scope="col">outcome</th><th scope="col">check</th><th scope="col">what was found</th></tr>`
  return html`<h3>Checks</h3>${panel('Checks of the generator', rows, head)}
<h3>Sentinel</h3>
${sentinel(generator.sentinel, endToEndUs)}`
}

function sentinel(seen: Report['generator']['sentinel'], fleet: Report['endToEndUs']): Markup {
  if (seen === null) return html`<div class="panel"><p>There was none.</p></div>`
  if (seen.status === 'unavailable') {
    return html`<div class="panel"><p>It was unavailable: nothing of what it sent came back, or it could not go on. That says nothing about the run.</p></div>`
  }
  const text = (us: number | null) => (us === null ? '∞' : formatDuration(us))
  const table: Table = {
    title: 'End to end: the fleet, and an independent client in a process of its own on the same nodes',
    columns: ['count', 'p50', 'p99'],
    rows: [
      { name: 'fleet', cells: [countCell(fleet.count), latencyCell(fleet, 'p50'), latencyCell(fleet, 'p99')] },
      {
        name: 'sentinel',
        cells: [
          countCell(seen.count),
          ...[seen.p50Us, seen.p99Us].map((us): Cell => ({ text: text(us), tone: us === null ? 'bad' : 'plain' })),
        ],
      },
    ],
  }
  return tablePanel(table)
}

export function facts({ run, host, plan }: Report, view: View): Markup {
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
  const some = rows.filter(([, value]) => value !== '')
  return html`<div class="facts-table">${panel(
    'Facts of the run and the machine',
    some.map(([key, value]) => html`<tr><th scope="row">${key}</th><td>${value}</td></tr>`),
  )}</div>`
}

function countOrNone(count: number | null): string {
  return count === null ? 'unlimited or unknown' : formatCount(count)
}

function panel(caption: string, rows: readonly Markup[], head: Markup | null = null): Markup {
  const table = html`<table><caption>${caption}</caption>${head === null ? null : html`<thead>${head}</thead>`}<tbody>${rows}</tbody></table>`
  return html`<div class="panel">${scrolled(table, caption)}</div>`
}

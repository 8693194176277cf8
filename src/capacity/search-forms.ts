/**
 * A search as text and as a page: trials, and latency against load.
 */
import { Chalk } from 'chalk'
import { parseThreshold, type Threshold } from '../load/threshold.ts'
import type { Table } from '../report/cells.ts'
import { draw, GAP, hang, markOf, painter, tableCells, widthOf, wrap } from '../report/lines.ts'
import { html, type Markup } from '../report/markup.ts'
import { pageHead, renderPage, tablePanel } from '../report/page.ts'
import type { TextOptions } from '../report/text.ts'
import { type Plot, renderPlot } from './plot.ts'
import { nodeWords } from './scaling.ts'
import { formatLoad, viewOf } from './search-view.ts'
import type { CapacityFormat, SearchReport } from './types.ts'

/** @param options  of text */
export function rendered(report: SearchReport, format: CapacityFormat, options: Pick<TextOptions, 'color' | 'width'>): string {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`
  return format === 'html' ? renderHtml(report) : renderText(report, options)
}

function renderText(report: SearchReport, { color, width }: Pick<TextOptions, 'color' | 'width'>): string {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const paint = painter(chalk)
  const { headline, facts, series, law, trials, notes } = viewOf(report)
  const tableLines = (table: Table) => {
    const { title, columns, rows } = table
    if (rows.length === 0) return []
    // The last columns matter least: on a narrow terminal they go first.
    for (let kept = columns.length; ; kept--) {
      const lines = tableCells(table, kept)
      if (kept <= 3 || widthOf(lines) <= width) return ['', chalk.bold(title), ...lines.map((line) => draw(line, paint).trimEnd())]
    }
  }
  const lines = [
    ...wrap(`${markOf(headline.tone)} ${headline.text}${GAP}`, headline.reason, width, (words) => chalk.bold(paint(headline.tone, words))),
    '',
    ...hang('', facts, width, (words) => words),
    ...tableLines(series),
    ...(law === null ? [] : wrap('  ', law, width, (words) => words)),
    ...trials.flatMap(tableLines),
    ...notes.flatMap((note, i) => [...(i === 0 ? [''] : []), ...wrap('Note  ', note, width, chalk.yellow)]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function renderHtml(report: SearchReport): string {
  const view = viewOf(report)
  const { headline, facts, series, law, trials } = view
  const panelOf = (table: Table) => (table.rows.length === 0 ? '' : html`<h2>${table.title}</h2>${tablePanel(table)}`)
  const body = html`${pageHead('mqtt-scale search', view)}
${plotsOf(report)}
${panelOf(series)}
${law === null ? '' : html`<p class="under">${law}</p>`}
${trials.map(panelOf)}
<footer>A load is good where the SLO surely holds and the load is carried: nothing lost, nothing piling up. The result is an interval: somewhere in it the SLO begins to fail.</footer>`
  return renderPage({ title: `${headline.text} · ${facts[0]} · mqtt-scale search`, body, curves: [], times: null })
}

/** What the SLO lets the metric be; null: at least so much, or nothing is said of it. */
function limitOf(metric: string, slo: readonly string[]): Plot['limit'] {
  const thresholds = slo.map(parseThreshold).filter((one): one is Threshold => !('problem' in one))
  const own = thresholds.find((one) => one.metric === metric && (one.op === '<' || one.op === '<='))
  return own === undefined || own.value <= 0 ? null : { y: own.value, words: own.text }
}

/** The SLO's first latency against the load: a drawing for each size of the cluster, with the trials of all its searches. */
function plotsOf({ series, vary, slo }: SearchReport): Markup {
  const sizes = [...new Set(series.map(({ nodes }) => nodes))]
  return html`${sizes.map((nodes) => {
    const own = series.filter((one) => one.nodes === nodes)
    const trials = own.flatMap((one) => one.trials).filter(({ figures }) => Object.keys(figures).length > 0)
    const metric = trials.flatMap(({ figures }) => Object.keys(figures)).find((name) => /\.(p\d+|mean|max|min)$/.test(name))
    if (metric === undefined) return null
    const of = nodes === null ? '' : `, ${nodeWords(nodes)}`
    return html`<h2>${metric} against load${of}</h2>${renderPlot({
      points: trials.map(({ load, verdict, figures }) => ({ x: load, y: figures[metric] ?? null, tone: verdict })),
      limit: limitOf(metric, slo),
      bands: own.flatMap(({ low, high }) => (low !== null && high !== null ? [[low, high] as const] : [])),
      formatX: (load) => formatLoad(vary, load),
      words: `${metric} of ${trials.length} trials against the load${of}, at ${slo.join(' and ')}; the table below has the same`,
    })}`
  })}`
}

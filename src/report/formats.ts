/** A report in each of its forms. */
import { renderCsv } from './csv.ts'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { renderText, type TextOptions } from './text.ts'
import type { Report, ReportFormat } from './types.ts'

/** @param options  of text */
export function rendered(report: Report, format: ReportFormat, options: Pick<TextOptions, 'color' | 'width'>): string {
  switch (format) {
    case 'text':
      return renderText(report, { ...options, folder: null })
    case 'html':
      return renderHtml(report)
    case 'md':
      return renderMarkdown(report)
    case 'junit':
      return renderJunit(report)
    case 'csv':
      return renderCsv(report)
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`
  }
}

/** A comparison in each of its forms. */
import type { TextOptions } from '../report/text.ts'
import type { SelfComparison } from './aa.ts'
import * as aaText from './aa-text.ts'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { renderText } from './text.ts'
import type { AaFormat, Comparison, ComparisonFormat } from './types.ts'

/** @param options  of text */
export function rendered(comparison: Comparison, format: ComparisonFormat, options: Pick<TextOptions, 'color' | 'width'>): string {
  switch (format) {
    case 'text':
      return renderText(comparison, options)
    case 'md':
      return renderMarkdown(comparison)
    case 'json':
      return json(comparison)
    case 'junit':
      return renderJunit(comparison)
    case 'html':
      return renderHtml(comparison)
  }
}

export function renderedSelf(self: SelfComparison, format: AaFormat, options: Pick<TextOptions, 'color' | 'width'>): string {
  switch (format) {
    case 'text':
      return aaText.renderText(self, options)
    case 'md':
      return aaText.renderMarkdown(self)
    case 'json':
      return json(self)
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

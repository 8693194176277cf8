/** A comparison in each of its forms. */
import type { TextOptions } from '../report/text.ts'
import type { SelfComparison } from './aa.ts'
import * as aaText from './aa-text.ts'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { renderText } from './text.ts'
import type { Comparison } from './types.ts'

export const COMPARISON_FORMATS = ['text', 'md', 'json', 'junit', 'html'] as const
export type ComparisonFormat = (typeof COMPARISON_FORMATS)[number]

/** Of runs against themselves there is nothing to pass or to draw. */
export const AA_FORMATS = ['text', 'md', 'json'] as const
export type AaFormat = (typeof AA_FORMATS)[number]

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

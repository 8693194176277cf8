/** A sizing in each of its forms. */
import type { TextOptions } from '../report/text.ts'
import { renderHtml } from './size-html.ts'
import { renderText } from './size-text.ts'
import type { Sizing } from './sizing.ts'
import type { CapacityFormat } from './types.ts'

/** @param options  of text */
export function rendered(sizing: Sizing, format: CapacityFormat, options: Pick<TextOptions, 'color' | 'width'>): string {
  switch (format) {
    case 'text':
      return renderText(sizing, options)
    case 'json':
      return `${JSON.stringify(sizing, null, 2)}\n`
    case 'html':
      return renderHtml(sizing)
  }
}

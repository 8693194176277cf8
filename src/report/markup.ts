/**
 * HTML from templates in which nothing is markup but what was written as such here.
 *
 * Every value put into `html` is escaped, unless it is itself the result of `html`. So a scenario's name, a broker's words or a client's
 * topic can't become an element, wherever they are shown.
 */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Piece = Markup | string | number | null | readonly Piece[]

/** `html\`<p>${anything}</p>\``: arrays are joined, null is nothing. */
export function html(strings: TemplateStringsArray, ...pieces: Piece[]): Markup {
  return new Markup(strings.reduce((text, next, i) => text + render(pieces[i - 1]!) + next))
}

function render(piece: Piece): string {
  if (piece instanceof Markup) return piece.text
  if (Array.isArray(piece)) return piece.map(render).join('')
  return piece === null ? '' : escaped(String(piece))
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
}

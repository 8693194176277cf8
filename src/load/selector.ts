/**
 * A metric and some of its labels, as Prometheus writes them: `name{label="value"}`. It begins each line of a scrape, and is how a scenario says which
 * metric it means. https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export interface Selector {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

const NAME = /[a-zA-Z_:][\w:]*/y
const LABEL = /[ \t]*([a-zA-Z_]\w*)[ \t]*=[ \t]*"((?:[^"\\\n]|\\.)*)"[ \t]*(,?)/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n' }

/** The name that stands at `start`; null: there is none. */
export function nameAt(text: string, start: number): string | null {
  NAME.lastIndex = start
  return NAME.exec(text)?.[0] ?? null
}

/** The labels whose brace stands at `start`, and where they end; null: they are not well formed. */
export function labelsAt(text: string, start: number): { readonly labels: Selector['labels']; readonly end: number } | null {
  const labels: Record<string, string> = {}
  let at = start + 1
  for (let isMore = true; isMore; ) {
    LABEL.lastIndex = at
    const found = LABEL.exec(text)
    if (found === null) break
    labels[found[1]!] = found[2]!.replaceAll(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
    at = LABEL.lastIndex
    isMore = found[3] === ','
  }
  while (text[at] === ' ' || text[at] === '\t') at++
  return text[at] === '}' ? { labels, end: at + 1 } : null
}

/** null: it is none. */
export function parseSelector(text: string): Selector | null {
  const name = nameAt(text, 0)
  if (name === null) return null
  if (name.length === text.length) return { name, labels: {} }
  const found = text[name.length] === '{' ? labelsAt(text, name.length) : null
  return found !== null && found.end === text.length ? { name, labels: found.labels } : null
}

/**
 * A Prometheus endpoint as a source: whose metrics those are is said, or found out from the first scrape.
 */
import type { MetricsSource } from '../load/plan.ts'
import { evaluate, namesOf, type Values } from './evaluate.ts'
import { parseExposition } from './exposition.ts'
import { get } from './http.ts'
import { type Mapping, ownMapping, PROMETHEUS } from './mappings.ts'
import type { Reader } from './source.ts'

interface Known {
  readonly name: string
  readonly mapping: Mapping
}

export class PrometheusReader implements Reader {
  private readonly url: URL
  /** null: not found out yet. */
  private known: Known | null

  constructor({ url, as, map }: Extract<MetricsSource, { kind: 'prometheus' }>) {
    this.url = new URL(url)
    if (map !== null) this.known = { name: 'own mapping', mapping: ownMapping(map) }
    else this.known = as === null ? null : { name: as, mapping: PROMETHEUS[as] }
  }

  get words(): string {
    if (this.known === null) return 'prometheus'
    return `prometheus (${this.known.name}${this.isOfMachine ? '; memory is the machine’s' : ''})`
  }

  get isOfMachine(): boolean {
    return this.known?.mapping.isOfMachine === true
  }

  async read(signal: AbortSignal): Promise<Values> {
    const text = await get(this.url, signal)
    this.known ??= recognize(text)
    const values = evaluate(this.known.mapping, parseExposition(text, new Set(namesOf(this.known.mapping))))
    if (Object.keys(values).length === 0) throw new Error(`it has none of the metrics of ${this.known.name}`)
    return values
  }
}

/**
 * The broker most of whose metrics are in the scrape.
 *
 * @throws Error  there are none of any
 */
export function recognize(text: string): Known {
  const all = Object.entries(PROMETHEUS).map(([name, mapping]) => ({ name, mapping }))
  const samples = parseExposition(text, new Set(all.flatMap(({ mapping }) => namesOf(mapping))))
  const [best] = all
    .map((known) => ({ known, count: Object.keys(evaluate(known.mapping, samples)).length }))
    .sort((a, b) => b.count - a.count)
  if (best === undefined || best.count === 0) throw new Error('none of its metrics are those of a known broker: name them with map')
  return best.known
}

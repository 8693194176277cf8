/**
 * The monitoring of a NATS server as a source: /varz, and /jsz for what its streams hold. https://docs.nats.io/running-a-nats-service/nats_admin/monitoring
 */
import { evaluate, type Values } from './evaluate.ts'
import type { Sample } from './exposition.ts'
import { get } from './http.ts'
import { MESSAGES, NATS } from './mappings.ts'
import type { Reader } from './source.ts'

interface Jsz {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name?: string; readonly state?: { readonly messages?: number } }[]
  }[]
}

export class NatsReader implements Reader {
  readonly words = 'monitoring (nats)'
  readonly isOfMachine = false
  private readonly varz: URL
  private readonly jsz: URL

  constructor(url: string) {
    const base = `${url.replace(/\/*$/, '')}/`
    this.varz = new URL('varz', base)
    this.jsz = new URL('jsz?accounts=true&streams=true', base)
  }

  async read(signal: AbortSignal): Promise<Values> {
    const [varz, jsz] = await Promise.all([get(this.varz, signal), get(this.jsz, signal)])
    return natsValues(varz, jsz)
  }
}

/** @throws Error  it is no JSON of a NATS server */
export function natsValues(varz: string, jsz: string): Values {
  const samples = new Map<string, readonly Sample[]>()
  const put = (name: string, value: unknown) => {
    if (typeof value === 'number') samples.set(name, [{ labels: {}, value }, ...(samples.get(name) ?? [])])
  }
  for (const [name, value] of Object.entries(parse(varz))) put(name, value)
  for (const { stream_detail = [] } of (parse(jsz) as Jsz).account_details ?? [])
    for (const { name, state } of stream_detail) if (name === MESSAGES) put(name, state?.messages)
  const values = evaluate(NATS, samples)
  if (values.connections === undefined) throw new Error('its answer is not that of a NATS server')
  return values
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Said below.
  }
  throw new Error('its answer is not that of a NATS server')
}

/**
 * What a client says when it connects: who it is, and its last will.
 */
import type { ConnectDetails } from '../mqtt/session.ts'
import type { Client } from './client.ts'
import { type Header, WILL_ENTRY } from './header.ts'

export function detailsOf(client: Client): ConnectDetails {
  const { plan, renderer } = client.group
  const render = (template: string | null) => (template === null ? null : renderer.render(template, client.index))
  return {
    clientId: renderer.render(plan.clientId, client.index),
    username: render(plan.username),
    password: render(plan.password),
    will: willOf(client),
  }
}

/** Its header names the client and which of its connections the will is of. */
function willOf(client: Client): ConnectDetails['will'] {
  const { plan, willPayload, renderer, run } = client.group
  if (plan.will === null) return null
  const publisher = plan.firstClient + client.index
  const header: Header = { run, publisher, entry: WILL_ENTRY, seq: client.attempts.count, intendedUs: 0, node: client.node }
  const payload = new Uint8Array(willPayload!.size(client.index, 0))
  willPayload!.write(payload, 0, payload.length, client.index, 0, header)
  return {
    topic: renderer.render(plan.will.topic, client.index),
    payload,
    qos: plan.will.qos,
    retain: plan.will.retain,
    delayS: plan.will.delayS,
  }
}

/**
 * What two machines must agree on before they share a run: the plan, and what each makes of it. Timings come from logarithms and sines, whose last
 * bits are a matter of taste between versions of V8.
 */
import { createHash } from 'node:crypto'
import { Arrivals } from './arrival.ts'
import { keyOf, sample } from './order.ts'
import { Placer } from './placement.ts'
import type { Plan } from './plan.ts'
import { scenarioHash } from './scenario.ts'
import { Schedule } from './schedule.ts'
import { Renderer } from './template.ts'

/** Of each group and entry. */
const CLIENTS = 100
const MESSAGES = 3

/** Hexadecimal digits: of the plan, of the files it names, and of a sample of clients' connects, nodes, topics, times and QoS. */
export function fingerprint(plan: Plan, files: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash('sha256').update(scenarioHash(plan))
  for (const [path, bytes] of files) hash.update(JSON.stringify(path)).update(bytes)
  for (const group of plan.groups) {
    const arrivals = new Arrivals(group.clients, group.connect, keyOf(plan.seed, 'connect', group.name))
    const placer = new Placer(plan, group)
    const renderer = new Renderer(plan, group, '')
    const schedules = group.publish.map((entry) => new Schedule(plan, group, entry))
    const take = (...facts: readonly (number | string)[]) => hash.update(`${facts.join(' ')}\n`)
    sample(group.clients, CLIENTS, (client) => {
      take(client, arrivals.timeOf(client), placer.nodeOf(client, 0), renderer.render(group.clientId, client))
      for (const [e, schedule] of schedules.entries()) {
        for (let k = 0; k < MESSAGES; k++) take(e, k, schedule.timeOf(client, k), schedule.qosOf(client, k))
      }
    })
  }
  return hash.digest('hex')
}

/**
 * Whom a fault strikes, and when they may come back: functions of (seed, fault, group, client), so that it does not matter which worker asks.
 * Only on which node a client is at the time is the run's own doing.
 */
import { Arrivals } from './arrival.ts'
import type { Group } from './group.ts'
import { keyOf, Positions } from './order.ts'
import type { DropPlan } from './plan.ts'
import type { Renderer } from './template.ts'

/** What a fault does to a client. Microseconds since the run's epoch. */
export interface Blow {
  readonly how: DropPlan['how']
  /** No attempt to connect succeeds before, or nothing is read. */
  readonly untilUs: number
  /** It comes back at that time, and not at its next attempt. */
  readonly isReturning: boolean
}

export class Strike {
  private readonly drop: DropPlan
  private readonly group: Group
  private readonly positions: Positions
  private readonly returns: Arrivals | null

  constructor(seed: number, fault: string, drop: DropPlan, group: Group) {
    const { clients, name } = group.plan
    this.drop = drop
    this.group = group
    this.positions = new Positions(clients, keyOf(seed, 'fault', fault, name))
    this.returns = drop.return && new Arrivals(clients, drop.return, keyOf(seed, 'return', fault, name))
  }

  takes(client: number, node: number): boolean {
    const { share, nodes, where } = this.drop
    if (this.positions.at(client) >= share || (nodes !== null && !nodes.includes(node))) return false
    return isWhere(where, this.group.renderer, client)
  }

  /** @param atUs  when the fault began */
  blowTo(client: number, atUs: number): Blow {
    const { how, forUs } = this.drop
    return { how, untilUs: atUs + forUs + (this.returns?.timeOf(client) ?? 0), isReturning: this.returns !== null }
  }
}

/** Whether a client has these values of levels. */
export function isWhere(where: DropPlan['where'], renderer: Renderer, client: number): boolean {
  return Object.entries(where).every(([level, value]) => renderer.render(`{${level}}`, client) === value)
}

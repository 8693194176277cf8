/**
 * What a fleet notes of its publishers, for the facts: exceptions, intended times that only connecting made, and who went to another node.
 */
import type { Client } from './client.ts'
import { type ExceptionKind, Exceptions, nodeAt } from './facts.ts'
import { heardEntries } from './heard.ts'
import type { Plan } from './plan.ts'
import { entryOf } from './slice.ts'

export class Notes {
  readonly exceptions = new Exceptions()
  /** Intended times of messages sent on connecting, by stream. */
  readonly connectTimes = new Map<number, number[]>()
  /** Where publishers were that have been on more than one node: see Facts. */
  readonly moves = new Map<number, number[]>()
  /** By index of the entry in the plan: see heard.ts. */
  readonly isHeard: readonly boolean[]

  constructor(plan: Plan) {
    this.isHeard = heardEntries(plan)
  }

  /** Messages [from, to) of a stream are an exception. */
  except(stream: number, kind: ExceptionKind, from: number, to: number, value = 0): void {
    if (this.isHeard[entryOf(stream)]) this.exceptions.add(stream, kind, from, to, value)
  }

  connectTimesOf(stream: number): number[] {
    let times = this.connectTimes.get(stream)
    if (times === undefined) this.connectTimes.set(stream, (times = []))
    return times
  }

  /** A publisher is on another node than it was. */
  moved(client: Client, nowUs: number): void {
    const publisher = client.group.plan.firstClient + client.index
    let moves = this.moves.get(publisher)
    if (moves === undefined) this.moves.set(publisher, (moves = []))
    moves.push(nowUs, client.node)
  }

  /** The publisher's node at that time, as the facts will have it: what waited for a new connection is counted where it was due. */
  nodeAt(client: Client, timeUs: number): number {
    const moves = this.moves.size === 0 ? undefined : this.moves.get(client.group.plan.firstClient + client.index)
    if (moves === undefined || moves[moves.length - 2]! <= timeUs) return client.node
    return nodeAt(moves, timeUs, client.group.placer.nodeOf(client.index, 0))
  }
}

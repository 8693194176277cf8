/**
 * A slice: an exact share of a plan, as a range of client indices of each group.
 *
 * Slice w of k has the clients from ⌊n·w/k⌋ up to ⌊n·(w+1)/k⌋, so the slices of any k are disjoint and their union is the plan. Rates are never
 * split: every timing is a function of a client's index in the whole group.
 */
import type { Plan } from './plan.ts'

export interface Slice {
  readonly index: number
  readonly of: number
  /** For each group, [from, to) in client indices of the group. */
  readonly ranges: readonly (readonly [from: number, to: number])[]
}

export function sliceOf(plan: Plan, index: number, of: number): Slice {
  const ranges = plan.groups.map((g) => [Math.floor((g.clients * index) / of), Math.floor((g.clients * (index + 1)) / of)] as const)
  return { index, of, ranges }
}

/** A stream's number, unique in a plan: 8 bits of publish entry above 24 bits of publisher (global client index). */
export function streamOf(entry: number, publisher: number): number {
  return entry * 2 ** 24 + publisher
}

export function entryOf(stream: number): number {
  return Math.floor(stream / 2 ** 24)
}

export function publisherOf(stream: number): number {
  return stream % 2 ** 24
}

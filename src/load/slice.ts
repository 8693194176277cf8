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

/** All of a plan. */
export function wholeOf(plan: Plan): Slice {
  return { index: 0, of: 1, ranges: plan.groups.map(({ clients }) => [0, clients] as const) }
}

/** One of `of` parts of a slice. */
export function cut({ ranges }: Slice, index: number, of: number): Slice {
  const at = (from: number, to: number, part: number) => from + Math.floor(((to - from) * part) / of)
  return { index, of, ranges: ranges.map(([from, to]) => [at(from, to, index), at(from, to, index + 1)] as const) }
}

export function sliceOf(plan: Plan, index: number, of: number): Slice {
  return cut(wholeOf(plan), index, of)
}

/**
 * A stream's number, unique in a plan: 8 bits of publish entry above 24 bits of publisher (global client index).
 *
 * Where an entry has lanes (route.ts), what a subscriber gets of one of them is numbered too: 21 bits of lane above.
 */
export function streamOf(entry: number, publisher: number, lane = 0): number {
  return lane * 2 ** 32 + entry * 2 ** 24 + publisher
}

/** The lane of replies: above all that a route can have. */
export const REPLY_LANE = 2 ** 20

export function entryOf(stream: number): number {
  return Math.floor(stream / 2 ** 24) % 256
}

export function laneOf(stream: number): number {
  return Math.floor(stream / 2 ** 32)
}

export function publisherOf(stream: number): number {
  return stream % 2 ** 24
}

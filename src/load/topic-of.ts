/**
 * The topic of a PUBLISH that has come in, as text and as a hash.
 */
import type { Event } from '../mqtt/output.ts'

/** How many bits are set. */
export function bitCount(mask: number): number {
  let count = 0
  for (; mask !== 0; mask &= mask - 1) count++
  return count
}

const utf8 = new TextDecoder()

/** The topic of a PUBLISH as text: not for every message. */
export function topicText(event: Event): string {
  return utf8.decode(event.bytes.subarray(event.topicStart, event.topicEnd))
}

/** FNV-1a of the topic. */
export function hashOf(event: Event): number {
  const { bytes, topicEnd } = event
  let hash = 0x811c9dc5
  for (let i = event.topicStart; i < topicEnd; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash | 0
}

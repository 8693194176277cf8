import { createHash } from 'node:crypto'
import type { Lies } from './lies.ts'
import { headerOf } from './run.ts'

/**
 * Every message that a run intends, as a lying broker sees them: one hash of who, where, what, when and with which QoS, to the microsecond.
 */
export interface Intended {
  readonly lie: Lies
  /** Times count from the first: the epoch is the run's own. */
  events(): { readonly hash: string; readonly count: number }
}

export function intended(): Intended {
  const seen: { name: string; intendedUs: number }[] = []
  return {
    lie: {
      noAck: (m) => {
        const { publisher, entry, seq, intendedUs } = headerOf(m.payload)
        seen.push({ name: [publisher, m.topic, entry, seq, m.qos, m.payload.length].join(' '), intendedUs })
        return false
      },
    },
    events: () => {
      const firstUs = seen.reduce((first, { intendedUs }) => Math.min(first, intendedUs), Number.POSITIVE_INFINITY)
      const lines = new Set(seen.map(({ name, intendedUs }) => `${name} ${intendedUs - firstUs}`))
      const hash = createHash('sha256')
        .update([...lines].sort().join('\n'))
        .digest('hex')
      return { hash, count: lines.size }
    },
  }
}

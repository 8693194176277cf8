/**
 * When a client tries to connect again: the scenario's backoff, and when it gives up.
 *
 * A first connect is tried until `connect.timeout` has passed since its intended time; a lost connection as often as `reconnect` allows.
 */
import type { Group } from './group.ts'
import { random } from './order.ts'
import type { ReconnectPlan } from './plan.ts'

export class Attempts {
  /** Tried so far. */
  count = 0
  /** Failed since the backoff started anew. */
  private failures = 0
  private readonly group: Group
  private readonly client: number

  constructor(group: Group, client: number) {
    this.group = group
    this.client = client
  }

  /** A connection is lost that had lasted this long: a stable one starts the backoff anew. */
  lostAfter(us: number): void {
    if (us >= (this.group.plan.reconnect?.resetAfterUs ?? 0)) this.failures = 0
  }

  /**
   * When to try again after a failure or a loss; Infinity: not at all.
   *
   * @param untilUs  of a first connect, the end of its timeout; null for others
   */
  nextUs(nowUs: number, untilUs: number | null): number {
    const { reconnect } = this.group.plan
    if (reconnect === null) return Number.POSITIVE_INFINITY
    const atUs = nowUs + backoffUs(reconnect, this.failures, random(this.group.backoffKey, this.client, this.count))
    const isAllowed = untilUs !== null ? atUs < untilUs : reconnect.attempts === null || this.failures < reconnect.attempts
    this.failures++
    return isAllowed ? atUs : Number.POSITIVE_INFINITY
  }
}

/**
 * Wait before another attempt after `failures` that failed, µs. Full jitter: anything up to the exponential wait.
 *
 * @param dice  in [0, 1)
 */
export function backoffUs(plan: ReconnectPlan, failures: number, dice: number): number {
  if (plan.backoff === 'fixed') return plan.firstUs
  const waitUs = Math.min(plan.maxUs, plan.firstUs * plan.factor ** failures)
  return plan.backoff === 'exponential' ? waitUs : waitUs * dice
}

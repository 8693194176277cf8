/**
 * When a subscriber was connected, and when each of its subscriptions stood: what MQTT's rules of delivery ask about.
 *
 * A subscription stands from its SUBACK to the end of its session: the end of the connection with clean session (session expiry 0), else the
 * expiry of the session after the connection is lost. A broker that has forgotten a session which it had to keep does not end it: what was
 * published until the client saw that (CONNACK without session present) is still owed.
 *
 * Most clients never lose a connection, so the past is a list that is made when the first interval ends.
 */
import type { QoS } from './plan.ts'

interface Interval {
  /** The subscription (its number in the group), CONNECTED or EXPIRED. */
  readonly what: number
  readonly fromUs: number
  readonly toUs: number
  readonly node: number
}

const CONNECTED = -1
/** From the loss of a connection to the end of its session. */
const EXPIRED = -2

export class Standing {
  connectedAtUs = Number.POSITIVE_INFINITY
  lostAtUs = Number.POSITIVE_INFINITY
  node = 0
  /** By subscription; Infinity: does not stand. */
  readonly grantedAtUs: Float64Array
  readonly grantedQos: Uint8Array
  private past: Interval[] | null = null

  constructor(subscriptions: number) {
    this.grantedAtUs = new Float64Array(subscriptions).fill(Number.POSITIVE_INFINITY)
    this.grantedQos = new Uint8Array(subscriptions)
  }

  /** True if nothing has ever ended: then the current intervals are all there is. */
  get isUnbroken(): boolean {
    return this.past === null && this.lostAtUs === Number.POSITIVE_INFINITY
  }

  get isConnected(): boolean {
    return this.connectedAtUs !== Number.POSITIVE_INFINITY
  }

  /** @param expiryUs  how long the session outlives a connection; 0: not at all */
  connected(nowUs: number, node: number, sessionPresent: boolean, expiryUs: number): void {
    const expiresAtUs = this.lostAtUs + expiryUs
    for (let s = 0; s < this.grantedAtUs.length; s++) if (!sessionPresent) this.endSubscription(s, Math.min(nowUs, expiresAtUs))
    if (!sessionPresent && expiryUs > 0 && expiresAtUs < nowUs)
      this.keep({ what: EXPIRED, fromUs: this.lostAtUs, toUs: expiresAtUs, node: this.node })
    this.connectedAtUs = nowUs
    this.lostAtUs = Number.POSITIVE_INFINITY
    this.node = node
  }

  granted(subscription: number, nowUs: number, qos: number): void {
    if (this.grantedAtUs[subscription] === Number.POSITIVE_INFINITY) this.grantedAtUs[subscription] = nowUs
    this.grantedQos[subscription] = qos
  }

  lost(nowUs: number, sessionEnds: boolean): void {
    if (!this.isConnected) return
    this.keep({ what: CONNECTED, fromUs: this.connectedAtUs, toUs: nowUs, node: this.node })
    this.connectedAtUs = Number.POSITIVE_INFINITY
    this.lostAtUs = nowUs
    if (sessionEnds) for (let s = 0; s < this.grantedAtUs.length; s++) this.endSubscription(s, nowUs)
  }

  /** The best QoS granted to the subscriptions of `mask`. */
  bestQos(mask: number): QoS {
    let qos = 0
    for (let s = 0; s < this.grantedQos.length; s++) if (mask & (1 << s)) qos = Math.max(qos, this.grantedQos[s]!)
    return qos as QoS
  }

  /** Whether subscription `s` stood all the time from `fromUs` to `toUs`; `expiryUs` as in `connected`. */
  stood(s: number, fromUs: number, toUs: number, expiryUs: number): boolean {
    if (this.grantedAtUs[s]! <= fromUs && toUs <= this.lostAtUs + expiryUs) return true
    return this.covered(s, fromUs, toUs)
  }

  wasConnected(fromUs: number, toUs: number): boolean {
    return this.connectedAtUs <= fromUs || this.covered(CONNECTED, fromUs, toUs)
  }

  /** Whether the client was connected at any time from `fromUs` to `toUs`. */
  wasThereBetween(fromUs: number, toUs: number): boolean {
    if (this.connectedAtUs <= toUs) return true
    return this.past?.some((i) => i.what === CONNECTED && i.fromUs <= toUs && i.toUs >= fromUs) ?? false
  }

  /** Whether what was sent by then waited on the broker for a client that returned only when its session had expired. */
  waitedInVain(toUs: number): boolean {
    return this.past?.some((i) => i.what === EXPIRED && i.fromUs < toUs && toUs <= i.toUs) ?? false
  }

  /** Each stretch of time in which subscription `s` stood; `toUs` is Infinity for one that still does. `expiryUs` as in `connected`. */
  eachStand(s: number, expiryUs: number, visit: (fromUs: number, toUs: number) => void): void {
    for (const interval of this.past ?? []) if (interval.what === s) visit(interval.fromUs, interval.toUs)
    if (this.grantedAtUs[s] !== Number.POSITIVE_INFINITY) visit(this.grantedAtUs[s]!, this.lostAtUs + expiryUs)
  }

  /** Each stretch of time between two connections; `toUs` is Infinity for one that lasts. */
  eachAbsence(visit: (fromUs: number, toUs: number) => void): void {
    let fromUs = Number.POSITIVE_INFINITY
    for (const interval of this.past ?? []) {
      if (interval.what !== CONNECTED) continue
      if (fromUs !== Number.POSITIVE_INFINITY) visit(fromUs, interval.fromUs)
      fromUs = interval.toUs
    }
    if (fromUs !== Number.POSITIVE_INFINITY) visit(fromUs, this.connectedAtUs)
  }

  /** The node the client was connected to at that time, or last before it. */
  nodeAt(timeUs: number): number {
    if (this.connectedAtUs <= timeUs || this.past === null) return this.node
    let node = this.node
    for (const interval of this.past) {
      if (interval.what !== CONNECTED) continue
      if (interval.fromUs > timeUs) break
      node = interval.node
    }
    return node
  }

  private covered(what: number, fromUs: number, toUs: number): boolean {
    return this.past?.some((i) => i.what === what && i.fromUs <= fromUs && toUs <= i.toUs) ?? false
  }

  private endSubscription(s: number, nowUs: number): void {
    if (this.grantedAtUs[s] === Number.POSITIVE_INFINITY) return
    this.keep({ what: s, fromUs: this.grantedAtUs[s]!, toUs: nowUs, node: this.node })
    this.grantedAtUs[s] = Number.POSITIVE_INFINITY
  }

  private keep(interval: Interval): void {
    this.past ??= []
    this.past.push(interval)
  }
}

/**
 * One client's wills: tells the book how each of its connections ends, and what its return means for the will of the one before.
 *
 *   connecting ─▶ connected ─▶ ended ─▶ connecting …
 *           └─────────────────────▶ ended('unsure'): the CONNECT was not answered
 *           └───▶ connecting: it was refused, and the broker has no will of it
 */
import type { Client } from './client.ts'
import { headerForm } from './payload.ts'
import type { GroupPlan } from './plan.ts'
import { type Ending, NOTICE_US, type WillBook, type WillDemand, type WillTerms, willEnd, willReturn } from './wills.ts'

export class Testator {
  private readonly book: WillBook
  private readonly publisher: number
  private readonly terms: WillTerms
  private connection = -1
  private connectUs = Number.NaN
  /** Of the last connection that has ended, which may have been before the present one's attempts. */
  private before: { readonly connection: number; readonly demand: WillDemand } | null = null

  /**
   * @param publisher  global client index
   * @param terms      read at each call: they may change from connection to connection
   */
  constructor(book: WillBook, publisher: number, terms: WillTerms) {
    this.book = book
    this.publisher = publisher
    this.terms = terms
  }

  /** A CONNECT goes out; `connection` is what the header of its will has as its number, never the same twice. */
  connecting(connection: number, nowUs: number): void {
    this.connection = connection
    this.connectUs = nowUs
  }

  /** It was accepted. */
  connected(sessionPresent: boolean): void {
    this.revise(sessionPresent ? 'present' : 'absent')
  }

  /** The present connection has ended: see `willEnd`. An unsure one may have ended as soon as it had begun. */
  ended(ending: Ending, atUs: number, sinceUs: number = atUs): void {
    const isUnsure = ending === 'unsure'
    if (isUnsure) this.revise('unknown')
    this.tell(this.connection, willEnd(ending, this.terms, atUs, isUnsure ? this.connectUs : sinceUs))
  }

  /** The broker has ended a connection that was left in silence, and before anybody took it over: whenever that is, it calls for the will. */
  ghostEnded(connection: number, nowUs: number): void {
    if (this.before?.connection !== connection) return
    const { demand } = this.before
    this.tell(connection, { ...demand, fromUs: Math.min(demand.fromUs, nowUs - NOTICE_US) })
  }

  private revise(session: 'present' | 'absent' | 'unknown'): void {
    if (this.before === null) return
    const { connection, demand } = this.before
    const revised = willReturn(demand, this.terms, this.connectUs, session)
    if (revised !== demand) this.tell(connection, revised)
  }

  private tell(connection: number, demand: WillDemand): void {
    this.before = { connection, demand }
    this.book.ended(this.publisher, connection, demand.kind, demand.atUs, demand.fromUs, demand.byUs)
  }
}

/** Whether wills of the group say of which connection they are; others can't be judged. A will has no user properties. */
export function hasNamedWill(group: GroupPlan): boolean {
  const { will } = group
  return will !== null && ['wide', 'compact', 'json'].includes(headerForm(group, will.payload))
}

/** The client's testator; null where its group has no will, or none that can be judged. */
export function testatorOf(client: Client): Testator | null {
  const { group, fleet } = client
  if (!hasNamedWill(group.plan)) return null
  return new Testator(fleet.wills, group.plan.firstClient + client.index, new ClientTerms(client))
}

class ClientTerms implements WillTerms {
  private readonly client: Client

  constructor(client: Client) {
    this.client = client
  }

  get delayUs(): number {
    const { version, will } = this.client.group.plan
    return version === 5 ? will!.delayS * 1e6 : 0
  }

  get keepAliveUs(): number {
    return (this.client.session?.negotiated.serverKeepAliveS ?? this.client.group.plan.keepAliveS) * 1e6
  }

  get expiryUs(): number {
    return this.client.expiryUs
  }

  get settleUs(): number {
    return this.client.fleet.plan.settleUs
  }
}

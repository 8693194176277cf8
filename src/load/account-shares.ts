/**
 * The account of shared subscriptions, of what all workers have told of them: see shares.ts for what is owed.
 */
import { Audience } from './audience.ts'
import type { FactBook } from './factbook.ts'
import { EXCEPTION } from './facts.ts'
import { cellKey, type Group } from './group.ts'
import type { PublishPlan } from './plan.ts'
import { mergeShares, type Share, type ShareFacts } from './shares.ts'
import { type Account, Sheets, Times, type Window } from './sheets.ts'
import { streamOf } from './slice.ts'

/**
 * Takes the account of shared subscriptions, of what all workers have told of them.
 *
 * Where some can't tell any more, what nobody is known to have had may have been theirs: nothing of it is lost.
 */
export function accountShares(
  groups: readonly Group[],
  settleUs: number,
  facts: FactBook,
  told: { readonly shares: readonly ShareFacts[]; readonly isWhole: boolean },
  pieces: readonly Window[],
  isFinal: boolean,
): Account {
  const accountant = new ShareAccountant(settleUs, facts, pieces, told.isWhole)
  const shares = mergeShares(told.shares)
  const wanted = shares.map((share) => ({ template: share.template, filters: () => [share.filter] }))
  const audience = new Audience(groups, wanted)
  for (const share of shares) accountant.takeShare(share, audience, isFinal)
  return accountant.result()
}

class ShareAccountant extends Sheets {
  private readonly isWhole: boolean

  constructor(settleUs: number, facts: FactBook, pieces: readonly Window[], isWhole: boolean) {
    super(settleUs, facts, pieces, false)
    this.isWhole = isWhole
  }

  takeShare(share: Share, audience: Audience, isFinal: boolean): void {
    audience.eachStream(share.template, share.filter, (received, from, e, publisher, lane) => {
      const entry = from.plan.publish[e]!
      const times = new Times(this.facts, this.window.originUs, from, e, publisher)
      this.eachPiece(() => this.takeShared(share, received, from, e, entry, publisher, lane, times, isFinal))
    })
  }

  private takeShared(
    share: Share,
    received: number,
    from: Group,
    e: number,
    entry: PublishPlan,
    publisher: number,
    lane: number,
    times: Times,
    isFinal: boolean,
  ): void {
    const stream = streamOf(entry.index, from.plan.firstClient + publisher)
    const [first, end] = this.rangeOf(from, e, entry, publisher, stream)
    const isUnknown = this.facts.dealtWith(entry.index, publisher) === null
    this.eachMessage(from, e, publisher, lane, first, end, (rank, seq) => {
      const kind = this.facts.kindOf(stream, seq)
      if (kind === EXCEPTION.away) return
      const qos = Math.min(from.schedules[e]!.qosOf(publisher, seq), share.qos)
      const { copies, group } = share.arrivalOf(received, rank)
      if (isUnknown && copies === 0) return
      const { counts } = this.deliveries.at(cellKey.delivery(group, entry.index, qos))
      const intendedUs = times.of(seq)
      const fromUs = intendedUs - this.settleUs
      const toUs = intendedUs + this.facts.delayOf(stream, seq) + this.settleUs
      const isOwed = share.isOwed(qos, fromUs, toUs)
      // Repeats within one worker have been counted as they came.
      if (copies > 1) counts.duplicated += copies - 1
      if (kind === EXCEPTION.dropped) counts.dropped += isOwed ? 1 : 0
      else if (kind !== 0 || !isOwed) counts.excused += copies > 0 || share.isPermitted(fromUs, toUs) ? 1 : 0
      else if (copies > 0) {
        counts.owed++
        counts.received++
      } else if (!this.isWhole || (isFinal && share.mayWait(toUs))) counts.excused++
      else {
        counts.owed++
        counts.lost++
        this.missing++
      }
    })
  }
}

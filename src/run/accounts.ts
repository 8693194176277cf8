/**
 * The controller's side of accounts: facts go from all workers to all, and what each finds of its own subscribers comes back. Of shared
 * subscriptions the workers only tell what came in: whose message it was is known when all have told it.
 */
import { accountShares } from '../load/account-shares.ts'
import { FactBook } from '../load/factbook.ts'
import { type Facts, MAX_EXCEPTIONS } from '../load/facts.ts'
import { Group, type Surroundings } from '../load/group.ts'
import { type ShareSpread, shareSpreads } from '../load/shares.ts'
import type { Account, Window } from '../load/sheets.ts'
import { hasNamedWill } from '../load/testator.ts'
import { type WillResult, Wills } from '../load/wills.ts'
import type { Piece } from '../report/build.ts'
import type { GeneratorCheck } from '../report/types.ts'
import { Cells, type Metrics } from '../stats/metrics.ts'
import type { Crew } from './crew.ts'

export class Accounts {
  /** How shared subscriptions were spread over their members, as of the last account. */
  shares: readonly ShareSpread[] = []
  private readonly around: Surroundings
  private readonly crew: Pick<Crew, 'ask'>
  private grouped: readonly Group[] | null = null
  private truncated = 0
  private isCapped = false
  /** Of the last account. */
  private wills: Wills | null = null
  private heirs: readonly Uint8Array[] = []

  constructor(around: Surroundings, crew: Pick<Crew, 'ask'>) {
    this.around = around
    this.crew = crew
  }

  /**
   * How many deliveries of that part of measure are owed and have not come, and last wills that may still come in time, by `untilUs`; null:
   * some messages are on their way to the broker still.
   */
  async missing(window: Window, nowUs: number, untilUs: number): Promise<number | null> {
    const facts = await this.facts()
    if (facts.some(({ pending }) => pending > 0)) return null
    const accounts = await this.take(facts, [window], false)
    return accounts.reduce((sum, { missing }) => sum + missing, this.wills!.waiting(this.heirs, nowUs, untilUs))
  }

  /** The final account goes into the totals; returns that of each piece. */
  async settle(pieces: readonly Window[], totals: Metrics): Promise<Piece[]> {
    const accounts = await this.take(await this.facts(), pieces, true)
    for (const { deliveries, deliveriesByPair } of accounts) {
      totals.deliveries.add(deliveries)
      totals.deliveriesByPair.add(deliveriesByPair)
    }
    return pieces.map(({ startUs, endUs }, p) => {
      const deliveries = new Cells('deliveries')
      for (const account of accounts) deliveries.add(account.pieces[p]!)
      return { startUs, endUs, deliveries }
    })
  }

  /** What became of last wills; null: the plan has none that say whose they are. `isWhole`: no worker was lost. */
  willResult(isWhole: boolean): WillResult | null {
    if (this.wills === null || !this.around.plan.groups.some(hasNamedWill)) return null
    return this.wills.judge(this.heirs, isWhole)
  }

  /** The plan's groups, none of whose clients is here. */
  get groups(): readonly Group[] {
    this.grouped ??= this.around.plan.groups.map((group) => new Group(this.around, group, [0, 0], null))
    return this.grouped
  }

  check(): GeneratorCheck {
    const words =
      this.truncated > 0
        ? `${this.truncated} pairs of subscriber and stream have more gaps than can be kept: their losses are counted too high`
        : this.isCapped
          ? `more than ${MAX_EXCEPTIONS} publishes were refused, dropped or late: the accounts are not whole`
          : 'every delivery was accounted for'
    return { name: 'ledger', ok: this.truncated === 0 && !this.isCapped, level: 'invalid', value: this.truncated, limit: 0, words }
  }

  /** What all members know of their publishers, now. */
  async facts(): Promise<Facts[]> {
    return (await this.crew.ask({ type: 'facts' }, 'facts')).flatMap(({ facts }) => facts)
  }

  private async take(facts: readonly Facts[], pieces: readonly Window[], isFinal: boolean): Promise<Account[]> {
    const answers = await this.crew.ask({ type: 'account', facts, pieces, isFinal }, 'account')
    this.truncated = answers.reduce((sum, answer) => sum + answer.truncated, 0)
    this.isCapped = answers.some((answer) => answer.isCapped)
    this.wills = new Wills(facts.map(({ wills }) => wills))
    this.heirs = answers.map((answer) => answer.heirs)
    const accounts = answers.map((answer) => answer.account)
    const shares = answers.flatMap((answer) => answer.shares)
    this.shares = shareSpreads(shares)
    if (shares.length > 0) {
      const { settleUs } = this.around.plan
      const isWhole = answers.every((answer) => answer.isWhole)
      accounts.push(accountShares(this.groups, settleUs, new FactBook(facts), { shares, isWhole }, pieces, isFinal))
    }
    return accounts
  }
}

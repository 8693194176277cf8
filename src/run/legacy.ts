/**
 * What a member leaves behind that is lost: its subscribers' ledgers are gone, so nobody can say what they should have had; what they had by
 * then was told, second by second.
 *
 * So of such a member what arrived is owed and received, and no more is owed: its latencies stay what they were, and nothing of it is lost.
 */
import { cellKey } from '../load/group.ts'
import { NO_ENTRY } from '../load/receiver.ts'
import type { Account, Window } from '../load/sheets.ts'
import type { CellGains } from '../stats/delta.ts'
import type { CellDelta } from '../stats/metrics.ts'
import { secondOf } from '../stats/seconds.ts'
import { US_PER_S } from '../units.ts'
import type { Gain, Telling } from './messages.ts'

type Counts = Map<number, number>

export class Legacy {
  private readonly deliveries: Counts = new Map()
  private readonly byPair: Counts = new Map()
  private readonly bySecond: Counts = new Map()

  take({ metrics }: Gain): void {
    count(metrics.deliveries, this.deliveries)
    count(metrics.deliveriesByPair, this.byPair)
    count(metrics.deliveriesBySecond, this.bySecond)
  }

  /** In place of the account that the member can't take any more. */
  account(pieces: readonly Window[]): Extract<Telling, { type: 'account' }> {
    const account: Account = {
      deliveries: cells(this.deliveries),
      deliveriesByPair: cells(this.byPair),
      pieces: pieces.map((piece) => this.ofPiece(piece, pieces[0]!.startUs)),
      missing: 0,
    }
    return { type: 'account', account, shares: [], heirs: new Uint8Array(0), truncated: 0, isCapped: false, isWhole: false }
  }

  /** Of seconds it is not known which groups and streams they were of; no window asks. */
  private ofPiece({ startUs, endUs }: Window, measureStartUs: number): [key: number, gained: CellDelta][] {
    const counts: Counts = new Map()
    for (const [key, arrived] of this.bySecond) {
      const { second, isPersistent, qos } = secondOf.delivery(key)
      const timeUs = measureStartUs + second * US_PER_S
      if (timeUs < startUs || timeUs >= endUs) continue
      const cell = cellKey.delivery(0, NO_ENTRY, qos, isPersistent)
      counts.set(cell, (counts.get(cell) ?? 0) + arrived)
    }
    return cells(counts)
  }
}

function count(gains: CellGains, into: Counts): void {
  for (const [key, { counts }] of gains) if (counts.arrived) into.set(key, (into.get(key) ?? 0) + counts.arrived)
}

function cells(counts: Counts): [key: number, gained: CellDelta][] {
  return [...counts].map(([key, n]) => [key, { counts: { owed: n, received: n }, latencies: {} }])
}

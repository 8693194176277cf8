/**
 * The phases of a run as they went: each begins when the one before ends.
 */
import type { PhaseFacts } from '../report/types.ts'
import { thousandths, US_PER_S } from '../units.ts'

export class PhaseLog {
  private readonly phases: { name: string; startUs: number; endUs: number }[] = []

  begin(name: string, startUs: number): void {
    this.end(startUs)
    this.phases.push({ name, startUs, endUs: Number.POSITIVE_INFINITY })
  }

  end(atUs: number): void {
    const last = this.phases.at(-1)
    if (last && last.endUs === Number.POSITIVE_INFINITY) last.endUs = atUs
  }

  get current(): string | null {
    return this.phases.at(-1)?.name ?? null
  }

  /** The name of the phase that a time is in. */
  at(timeUs: number): string {
    return this.phases.findLast((phase) => phase.startUs <= timeUs)?.name ?? 'connect'
  }

  facts(): PhaseFacts[] {
    return this.phases.map(({ name, startUs, endUs }) => ({ name, startS: seconds(startUs), lengthS: seconds(endUs - startUs) }))
  }
}

/** To the millisecond. */
function seconds(us: number): number {
  return thousandths(us / US_PER_S)
}

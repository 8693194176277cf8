/**
 * How fine a worker's time is. One that has a core for itself wakes at the end of each tick of half a millisecond, and looks for commands every
 * ten. Dozens on two cores would wake each other all the time and do little else: their ticks are longer, so that what is due in one is done
 * together, and so is their rest. The lateness that this makes is in the send lag, like any other. A crowd of them also reads what arrives once a tick,
 * where each arrival would wake somebody: latencies are then too high by up to a tick, which the report says.
 */
import { CROWD } from '../report/generator-checks.ts'

export interface Grain {
  /** How late a timer may be. */
  readonly tickUs: number
  /** The longest that a worker waits before it looks for commands. */
  readonly restUs: number
  /** Between two looks at what has arrived, where much does; 0: at once. */
  readonly gatherUs: number
  /** Between a command and the moment it is for. */
  readonly leadUs: number
}

const TICK_US = 512
const LONGEST_TICK_US = 8192
const REST_US = 10_000
const LONGEST_REST_US = 100_000
/** For a command's way, and for a thread's turn. */
const LEAD_US = 30_000

/** @param cores  that these workers share */
export function grainFor(workers: number, cores: number): Grain {
  const perCore = Math.max(1, workers / cores)
  const restUs = Math.min(LONGEST_REST_US, REST_US * perCore)
  const tickUs = Math.min(LONGEST_TICK_US, TICK_US * 2 ** Math.round(Math.log2(perCore)))
  return {
    tickUs,
    restUs,
    gatherUs: perCore > CROWD ? tickUs : 0,
    leadUs: LEAD_US + 2 * restUs,
  }
}

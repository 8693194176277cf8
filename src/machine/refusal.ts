/**
 * Why a run is refused before its first packet, and the ways out of it: less of it, more machines, or higher limits.
 */
import { TooSmallError } from '../errors.ts'
import { formatCount } from '../units.ts'
import type { Judgement } from './judge.ts'
import { aligned, NEED_COLUMNS, needCells } from './words.ts'

/** How often a smaller scale is tried, each a tenth below the last. */
const MOST_TRIES = 24

/** @param scale  of the scenario, that would fit; null: none is known */
export function refusalOf({ table, needs }: Pick<Judgement, 'table' | 'needs'>, scale: number | null): TooSmallError {
  const needed = table.rows.filter(({ need }) => need !== null)
  const marks = [' ', ...needed.map(({ state }) => (state === 'short' ? '✗' : ' '))]
  const lines = aligned([NEED_COLUMNS, ...needCells(table)], (column) => column > 0)
  const short = table.rows.filter(({ state }) => state === 'short')
  // The embedded broker is one process on one machine.
  const canSpread = table.machines > 1 && needs.embeddedFiles === 0
  const ways = [
    ...(scale === null ? [] : [[`--scale ${percent(scale)}`, 'fits this machine']]),
    ...(canSpread ? [[`--agents ${table.machines}`, `${formatCount(table.machines)} machines like this one`]] : []),
    ...short.flatMap(({ what, lifts }) => lifts.map((lift) => [lift, what])),
  ]
  const message = [
    `the run needs more than this machine has: ${list(short.map(({ what }) => what))}`,
    ...lines.map((line, i) => `${marks[i]} ${line}`),
  ]
  return new TooSmallError(message.join('\n'), { hint: ['one of', ...aligned(ways, () => false).map((line) => `  ${line}`)].join('\n') })
}

/**
 * The scale that lets a plan through, in two digits.
 *
 * @param scale  that does not
 * @param share  of it that might: of what is short, what there is
 * @returns null: none was found
 */
export function fittingScale(scale: number, share: number, fits: (scale: number) => boolean): number | null {
  let tried = scale
  for (let i = 0; i < MOST_TRIES; i++) {
    const next = twoDigits(Math.min(scale * share * 0.9 ** i, tried))
    if (next <= 0) return null
    if (next < tried && fits(next)) return next
    tried = next
  }
  return null
}

/** Of what is short, the least share that there is. */
export function shareThatFits({ table, needs }: Pick<Judgement, 'table' | 'needs'>): number {
  return Math.min(1, ...table.rows.flatMap(({ state, allows }) => (state === 'short' && allows !== null ? [allows / needs.clients] : [])))
}

/** 0.7434 to 0.74, 0.07434 to 0.074: never above. */
function twoDigits(share: number): number {
  if (share <= 0) return 0
  const step = 10 ** (Math.floor(Math.log10(share)) - 1)
  // 0.07 / 0.001 is 70.00000000000001, and 0.29 / 0.01 is 28.999999999999996.
  return Number((Math.floor(share / step + 1e-9) * step).toPrecision(2))
}

/** 7.4%, as --scale takes it. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))}%`
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

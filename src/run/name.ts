/**
 * Names that nobody else has: of runs, and of what visits brokers beside them.
 */
import { randomInt } from 'node:crypto'

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'

/** Six characters of [0-9a-z]: what `{run}` stands for. */
export function newName(): string {
  return Array.from({ length: 6 }, () => ALPHABET[randomInt(36)]).join('')
}

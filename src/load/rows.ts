/**
 * Rows of numbers by key, in three flat arrays: what crosses from process to process is copied as it is, and is looked up where it lies.
 */
export interface Rows {
  /** Rising. */
  readonly keys: Float64Array
  /** Where each row ends in `values`; the first begins at 0. */
  readonly ends: Uint32Array
  readonly values: Float64Array
}

export const NO_ROWS: Rows = { keys: new Float64Array(0), ends: new Uint32Array(0), values: new Float64Array(0) }
const NOTHING = new Float64Array(0)

/** @param isWanted  by key; the others are left out */
export function rowsOf(map: ReadonlyMap<number, readonly number[]>, isWanted: (key: number) => boolean = () => true): Rows {
  if (map.size === 0) return NO_ROWS
  const keys = Float64Array.from([...map.keys()].filter(isWanted)).sort()
  const ends = new Uint32Array(keys.length)
  let length = 0
  for (const [i, key] of keys.entries()) ends[i] = length += map.get(key)!.length
  const values = new Float64Array(length)
  for (const [i, key] of keys.entries()) values.set(map.get(key)!, i === 0 ? 0 : ends[i - 1]!)
  return { keys, ends, values }
}

/** The row of a key; empty where there is none. */
export function rowAt({ keys, ends, values }: Rows, key: number): Float64Array {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return keys[low] === key ? values.subarray(low === 0 ? 0 : ends[low - 1]!, ends[low]!) : NOTHING
}

/**
 * "Did you mean …?": the known name nearest to a mistyped one, by edit distance.
 */

/** A hint for an unknown name: the nearest known one, or else the known ones where they are few; undefined where neither helps. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const found = nearest(word, known)
  if (found !== null) return `did you mean ${found}?`
  return known.length > 0 && known.length <= 12 ? `known: ${known.join(', ')}` : undefined
}

/** The known name with the fewest edits, if they are few for the word's length; for one or two characters any edit is another word. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null
  let least = (word.length < 3 ? 0 : word.length === 3 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1
  for (const name of known) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase())
    if (distance < least) {
      best = name
      least = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length]!
}

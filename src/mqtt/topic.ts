/**
 * Topic names and topic filters as strings: are they legal, and does one match the other? MQTT 5.0 §4.7, §4.8.2
 *
 * For plans, not for packets: what arrives is checked as bytes in `utf8.ts`.
 */

const MAXIMUM_BYTES = 65_535
const encoder = new TextEncoder()

/** What is wrong with a topic name, to follow its path in an error; null if nothing. */
export function topicProblem(topic: string): string | null {
  if (topic.includes('+') || topic.includes('#')) return 'a topic to publish to can have no wildcard (+ or #)'
  return textProblem(topic)
}

/** What is wrong with a topic filter, `$share/NAME/…` included, to follow its path in an error; null if nothing. */
export function filterProblem(filter: string): string | null {
  const problem = textProblem(filter)
  if (problem !== null) return problem
  if (isShared(filter)) {
    const share = parseShare(filter)
    if (share === null) return 'a shared subscription is $share/NAME/FILTER, and NAME has no wildcard'
    filter = share.filter
  }
  const levels = filter.split('/')
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || i !== levels.length - 1)) return '# has to be the last level of a filter, alone'
    if (level.includes('+') && level !== '+') return '+ has to fill a level of a filter, alone'
  }
  return null
}

/**
 * Whether a filter matches a topic; both legal, the filter without `$share/NAME/`.
 *
 * `a/#` matches `a` too, and a wildcard never matches a first level that starts with $. MQTT 5.0 §4.7.1.2, §4.7.2
 */
export function matches(filter: string, topic: string): boolean {
  if (topic[0] === '$' && (filter[0] === '+' || filter[0] === '#')) return false
  let f = 0
  let t = 0
  for (;;) {
    if (filter[f] === '#') return true
    const filterEnd = levelEnd(filter, f)
    const topicEnd = levelEnd(topic, t)
    const isSame = filterEnd - f === topicEnd - t && filter.startsWith(topic.slice(t, topicEnd), f)
    if (!isSame && filter[f] !== '+') return false
    if (topicEnd === topic.length) return filterEnd === filter.length || filter.slice(filterEnd) === '/#'
    if (filterEnd === filter.length) return false
    f = filterEnd + 1
    t = topicEnd + 1
  }
}

/** The parts of `$share/NAME/FILTER`; null if it is none, or not a legal one. MQTT 5.0 §4.8.2 */
export function parseShare(filter: string): { group: string; filter: string } | null {
  if (!isShared(filter)) return null
  const groupEnd = levelEnd(filter, SHARE.length)
  const group = filter.slice(SHARE.length, groupEnd)
  const rest = filter.slice(groupEnd + 1)
  return group === '' || rest === '' || group.includes('+') || group.includes('#') ? null : { group, filter: rest }
}

const SHARE = '$share/'

/** `$share` alone is one of these too: a broken one, since no topic is called so. */
function isShared(filter: string): boolean {
  return filter.startsWith(SHARE) || filter === '$share'
}

function levelEnd(text: string, start: number): number {
  const slash = text.indexOf('/', start)
  return slash < 0 ? text.length : slash
}

function textProblem(text: string): string | null {
  if (text === '') return 'it must not be empty'
  if (text.includes('\0')) return 'it must not contain U+0000'
  if (/\p{Surrogate}/u.test(text)) return 'it must not contain half a surrogate pair'
  if (text.length * 3 > MAXIMUM_BYTES && encoder.encode(text).length > MAXIMUM_BYTES)
    return 'it must not be longer than 65,535 bytes of UTF-8'
  return null
}

/**
 * How fast this machine is beside each trial of a search: a second of the plain C send() loop after each of them, while the search cools down.
 * Two searches in turns whose intervals differ either measured different things, or at different speeds of the machine: this says which.
 *
 *   node bench/beside.mjs FOLDER        the search's --out, which may not be there yet; begin it with --cool-down 4s or more
 *
 * Prints a line a trial, and at the end of the search, for each of its searches, the interval and the loop's median rate beside its trials.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { floor, say, spread, withSink } from './helper.mjs'

const CONNECTIONS = 100
const file = join(process.argv[2], 'search.json')
const beside = new Map()
for (;;) {
  // While it is written it is no JSON.
  const series = readSeries() ?? []
  for (const trial of series.flatMap(({ trials }) => trials)) {
    if (beside.has(trial.number)) continue
    const { perSec } = await withSink([], (sink) => floor('flood', sink, CONNECTIONS, 1))
    beside.set(trial.number, perSec)
    say('beside', { trial: trial.number, load: trial.load, verdict: trial.verdict, floorPerSec: perSec })
  }
  if (series.length > 0 && series.every(({ status }) => status !== 'interrupted')) {
    for (const { low, high, status, trials } of series)
      say('search', {
        status,
        low,
        high,
        floorPerSec: spread(
          trials.map(({ number }) => beside.get(number)),
          0,
        ),
      })
    break
  }
  await delay(100)
}

function readSeries() {
  try {
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).series : null
  } catch {
    return null
  }
}

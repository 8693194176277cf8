import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ReportFolder } from '../../src/report/folder.ts'
import { Losses } from '../../src/run/losses.ts'
import { Machines } from '../../src/run/machines.ts'
import type { Team } from '../../src/run/member.ts'
import type { Recorder } from '../../src/run/recorder.ts'
import { sampleAgent } from '../control/sample.ts'

/** A run of two agents, at 9 s; the first has told what was until 6 s. */
function start() {
  const path = mkdtempSync(join(tmpdir(), 'losses-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  const machines = new Machines()
  const recorder = { machines, toldUpTo: (member: number) => (member === 0 ? 6e6 : 0) } as Recorder
  const recruits = ['agent a', 'agent b'].map((name) => ({ name }))
  const losses = new Losses({ recruits } as unknown as Team, new ReportFolder(path, false, new Date(0)), recorder, () => 9e6)
  const events = () =>
    readFileSync(join(path, 'events.ndjson'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const lostAtS = () => machines.figures([sampleAgent('a'), sampleAgent('b')]).map((agent) => agent.lostAtS)
  return { losses, events, lostAtS }
}

describe('a member that is lost', () => {
  test('is missing from where it last told of itself', () => {
    const { losses, events, lostAtS } = start()
    losses.lose(0, new Error('no sign of life for 10 s'))
    expect(losses.words).toEqual(['agent a ended early: no sign of life for 10 s; its clients are missing from 6 s after the start on'])
    expect(events()).toMatchObject([
      { tS: 9, event: 'memberLost', member: 'agent a', error: expect.stringContaining('Error: no sign of life') },
    ])
    expect(lostAtS()).toEqual([6, null])
    expect(losses.fencedCount).toBe(0)
  })

  test('without a word gives no reason', () => {
    const { losses, events } = start()
    losses.lose(0, null)
    expect(losses.words).toEqual(['agent a ended early; its clients are missing from 6 s after the start on'])
    expect(events()).toMatchObject([{ error: null }])
  })
})

describe('a member that ended its connections', () => {
  test('is there, without its clients', () => {
    const { losses, events, lostAtS } = start()
    losses.hear(0, { type: 'fenced', atUs: 7e6 })
    expect(losses.fencedCount).toBe(1)
    expect(losses.words).toEqual([
      'agent a had no sign of the control server for too long, and ended all its connections 7 s after the start',
    ])
    expect(events()).toEqual([{ tS: 7, event: 'memberFenced', member: 'agent a' }])
    expect(lostAtS()).toEqual([7, null])
  })

  test('and is lost then is not there any more, and stays lost from when it ended them', () => {
    const { losses, lostAtS } = start()
    losses.hear(0, { type: 'fenced', atUs: 5e6 })
    losses.hear(1, { type: 'fenced', atUs: 5e6 })
    losses.lose(0, null)
    expect(losses.fencedCount).toBe(1)
    expect(losses.words).toHaveLength(3)
    expect(lostAtS()).toEqual([5, 5])
  })

  test('is no news of one that was lost before', () => {
    const { losses, events } = start()
    losses.lose(0, null)
    losses.hear(0, { type: 'fenced', atUs: 7e6 })
    expect(losses.fencedCount).toBe(0)
    expect(losses.words).toHaveLength(1)
    expect(events()).toHaveLength(1)
  })
})

test.each([
  { error: null, words: 'agent b: process 2 of 3 is lost' },
  { error: 'out of memory', words: 'agent b: process 2 of 3 is lost: out of memory' },
])('a part of a member that is lost is named with its whole: $words', ({ error, words }) => {
  const { losses, events, lostAtS } = start()
  losses.hear(1, { type: 'partLost', name: 'process 2 of 3', error })
  expect(losses.words).toEqual([words])
  expect(events()).toEqual([{ tS: 9, event: 'memberLost', member: 'agent b', part: 'process 2 of 3', error }])
  // The rest of it goes on.
  expect(lostAtS()).toEqual([null, null])
})

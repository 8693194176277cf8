import { describe, expect, test } from 'vitest'
import type { FaultPlan } from '../../src/load/plan.ts'
import { Director } from '../../src/run/director.ts'
import type { Executed } from '../../src/run/exec.ts'
import type { Second } from '../../src/run/pace.ts'

/** A run on paper: a clock moved by hand, rows told a second late as a recorder tells them. Times in these tests are seconds of measure. */

const ORIGIN_US = 3_250_000
const MEASURE_US = ORIGIN_US + 5e6
const RATE = 1000

/** What a second is unless a test says otherwise: all that comes due is sent, and arrives twice. */
const PLAIN = { sent: RATE, received: 2 * RATE, dropped: 0, backlog: 0, connected: 100, missing: 0, connectedByNode: [60, 40] }

type Row = Partial<Omit<Second, 'fromUs' | 'toUs'>>

interface Drill {
  readonly faults: readonly FaultPlan[]
  readonly measureS?: number
  /** What is different about a second. Row 20 is from 19.75 s to 20.75 s: rows are whole seconds of the run, and measure begins within one. */
  readonly row?: (second: number) => Row
  /** Called at the end of that second. */
  readonly at?: Readonly<Record<number, (stage: Stage) => void>>
  /** Length of each command and how it exits; a number: exit code 0 after so many seconds. */
  readonly commands?: Readonly<Record<string, number | (Partial<Executed['figures']> & { readonly afterS: number })>>
}

class Stage {
  readonly director: Director
  readonly told: { fault: string; at: number; toldAt: number }[] = []
  readonly moments: string[] = []
  readonly started: { fault: string; at: number }[] = []
  private exits: { readonly us: number; readonly exit: () => void }[] = []
  private nowUs = 0

  constructor({ faults, measureS = 100, commands = {} }: Drill) {
    this.director = new Director(
      { faults },
      {
        tell: (command) => {
          if (command.type !== 'fault') throw new Error('the director commands faults only')
          this.told.push({ fault: faults[command.fault]!.name, at: inMeasure(command.atUs), toldAt: inMeasure(this.nowUs) })
        },
        exec: ({ name, exec }) => {
          this.started.push({ fault: name, at: inMeasure(this.nowUs) })
          const given = commands[name] ?? 0
          const { afterS, ...exit } = typeof given === 'number' ? { afterS: given } : given
          const figures = { command: exec, exitCode: 0, signal: null, lengthS: afterS, output: '', ...exit }
          return new Promise((resolve) =>
            this.exits.push({ us: this.nowUs + afterS * 1e6, exit: () => resolve({ figures, wasEnded: false }) }),
          )
        },
        onMoment: ({ name }, moment, _, sinceUs) => this.moments.push(`${name} ${moment} +${Math.round(sinceUs / 1e3) / 1e3}`),
        onCommand: ({ name }, { figures }) => this.moments.push(`${name} exit ${figures.exitCode}`),
      },
    )
    this.director.begin(ORIGIN_US, MEASURE_US, MEASURE_US + measureS * 1e6, PLAIN.connected)
  }

  /** Lets the run go on to that second of measure. */
  async play({ row = () => ({}), at = {} }: Drill, toS: number): Promise<this> {
    const endUs = MEASURE_US + toS * 1e6
    for (let second = Math.floor(this.nowUs / 1e6); second * 1e6 < endUs; second++) {
      // The row of the second before last is complete by now.
      if (second >= 2) this.director.second(rowOf(second - 2, row))
      await this.moveTo(Math.min((second + 1) * 1e6, endUs))
      at[Math.floor(inMeasure((second + 0.5) * 1e6))]?.(this)
    }
    return this
  }

  private async moveTo(timeUs: number): Promise<void> {
    for (;;) {
      const nextUs = Math.min(this.director.wakeUs, ...this.exits.map(({ us }) => us))
      if (nextUs > timeUs) break
      this.nowUs = Math.max(this.nowUs, nextUs)
      const due = this.exits.filter(({ us }) => us <= this.nowUs)
      this.exits = this.exits.filter(({ us }) => us > this.nowUs)
      for (const { exit } of due) exit()
      await Promise.resolve()
      await Promise.resolve()
      this.director.advance(this.nowUs)
    }
    this.nowUs = timeUs
    this.director.advance(timeUs)
  }
}

function rowOf(second: number, row: (second: number) => Row): Second {
  const fromUs = second * 1e6
  return { fromUs, toUs: fromUs + 1e6, ...PLAIN, ...row(Math.floor(inMeasure(fromUs + 5e5))) }
}

function inMeasure(timeUs: number): number {
  return Math.round((timeUs - MEASURE_US) / 1e3) / 1e3
}

const run = (drill: Drill): Promise<Stage> => new Stage(drill).play(drill, (drill.measureS ?? 100) + 15)

/** A fault's moments, seconds of measure. */
function momentsOf(stage: Stage, fault = 0) {
  const { startUs, endUs, detectedUs, restoredUs, recoveredUs } = stage.director.facts()[fault]!
  const [start, ended, detected, restored, recovered] = [startUs, endUs, detectedUs, restoredUs, recoveredUs].map((us) =>
    us === null ? null : inMeasure(us),
  )
  return { start, ended, detected, restored, recovered }
}

function fault(name: string, fields: Partial<FaultPlan> & { readonly atS?: number; readonly index?: number } = {}): FaultPlan {
  const { atS = 20, ...rest } = fields
  return { name, index: 0, trigger: { kind: 'at', atUs: atS * 1e6 }, exec: './kill', drop: null, ...rest }
}

const drop = (how: 'disconnect' | 'reset' | 'silent' | 'stopReading', forS: number, overS: number | null = null) => ({
  exec: null,
  drop: {
    how,
    groups: [0],
    where: {},
    nodes: null,
    share: 1,
    forUs: forS * 1e6,
    return: overS === null ? null : { overS, arrival: 'uniform' as const },
  },
})

const between = (from: number, to: number, row: Row) => (second: number) => (second >= from && second < to ? row : {})
const OUTAGE: Row = { received: RATE, connected: 60, missing: 40, connectedByNode: [60, 0] }

describe('a fault begins', () => {
  test('at its time, which the workers know ahead, and its command with it', async () => {
    const stage = await run({ faults: [fault('dies', { atS: 20.5 })] })
    expect(stage.told).toEqual([{ fault: 'dies', at: 20.5, toldAt: 20.3 }])
    expect(stage.started).toEqual([{ fault: 'dies', at: 20.5 }])
  })

  test('with measure, where there is no time to tell it ahead', async () => {
    const drill: Drill = { faults: [fault('dies', { atS: 0 })] }
    const stage = new Stage(drill)
    stage.director.begin(10e6, 10e6, 20e6, 100)
    stage.director.advance(9_999_000)
    expect(stage.told).toEqual([{ fault: 'dies', at: inMeasure(10_049_000), toldAt: inMeasure(0) }])
  })

  test.each([
    { is: 'ended', waitS: 0, at: 23.05 },
    { is: 'ended', waitS: 30, at: 53 },
    // Rows of ten good seconds, the last of which is told a second late.
    { is: 'recovered', waitS: 0, at: 39.8 },
    { is: 'recovered', waitS: 40, at: 68.75 },
    { is: 'detected', waitS: 1, at: 21.3 },
    { is: 'restored', waitS: 5, at: 34.75 },
  ] as const)('$waitS s after another is $is, and as soon as that is known', async ({ is, waitS, at }) => {
    const faults = [fault('first'), fault('next', { index: 1, trigger: { kind: 'after', fault: 0, is, waitUs: waitS * 1e6 } })]
    const stage = await run({
      faults,
      commands: { first: 3 },
      row: between(20, 29, OUTAGE),
      at: { 20: ({ director }) => director.noticed(0, MEASURE_US + 20.3e6) },
    })
    expect(stage.told[1]!.at).toBeCloseTo(at, 1)
    expect(momentsOf(stage, 1).start).toBe(stage.told[1]!.at)
  })

  test('in a chain, each after the one before', async () => {
    const waitsFor = (fault: number) => ({ kind: 'after', fault, is: 'ended', waitUs: 2e6 }) as const
    const stage = await run({
      // In no order: what waits may stand first.
      faults: [fault('c', { trigger: waitsFor(2) }), fault('a', { index: 1, atS: 10 }), fault('b', { index: 2, trigger: waitsFor(1) })],
      commands: { a: 1, b: 1 },
    })
    expect(stage.started).toEqual([
      { fault: 'a', at: 10 },
      { fault: 'b', at: 13 },
      { fault: 'c', at: 16 },
    ])
  })

  test('never when measure is over, and that is said', async () => {
    const waitsFor = (fault: number, is: 'ended' | 'recovered' | 'detected', waitS = 0) =>
      ({ kind: 'after', fault, is, waitUs: waitS * 1e6 }) as const
    const stage = await run({
      faults: [
        fault('a'),
        fault('b', { index: 1, trigger: waitsFor(0, 'detected') }),
        fault('c', { index: 2, trigger: waitsFor(1, 'recovered') }),
        fault('d', { index: 3, trigger: waitsFor(0, 'ended', 90) }),
      ],
    })
    expect(stage.told.map(({ fault }) => fault)).toEqual(['a'])
    expect(stage.director.troubles()).toEqual([
      'fault b never began: a was not detected before measure ended',
      'fault c never began: b never began',
      'fault d never began: measure ended before its time',
    ])
    expect(stage.director.facts()[1]).toMatchObject({ startUs: null, recoveredUs: null, struck: 0, exec: null })
    expect(stage.director.wakeUs).toBe(Number.POSITIVE_INFINITY)
  })

  test('never when measure is over before the workers can know of it', async () => {
    const next = fault('next', { index: 1, trigger: { kind: 'after', fault: 0, is: 'ended', waitUs: 0 } })
    const stage = await run({ faults: [fault('first'), next], commands: { first: 3 }, measureS: 23.04 })
    expect(stage.told.map(({ fault }) => fault)).toEqual(['first'])
    expect(stage.director.troubles()).toEqual(['fault next never began: measure ended before its time'])
  })

  test.each([0.2, 30])('in the last moments of measure, of which the controller hears %s ms late, and never behind it', async (lateMs) => {
    const drill: Drill = { faults: [fault('dies', { atS: 29.9999 })], measureS: 30 }
    const stage = await new Stage(drill).play(drill, 29.99)
    stage.director.advance(MEASURE_US + 30e6 + lateMs * 1000)
    expect(stage.moments).toEqual(['dies began +0'])
    expect(stage.director.wakeUs).toBeGreaterThan(MEASURE_US + 30e6)
    // One that waits for it is too late.
    const next = fault('next', { index: 1, trigger: { kind: 'after', fault: 0, is: 'ended', waitUs: 0 } })
    const two = await run({ faults: [fault('dies', { atS: 29.96 }), next], measureS: 30 })
    expect(two.told.map(({ fault }) => fault)).toEqual(['dies'])
  })

  test('when a worker says that it was noticed, and no sooner, though the controller is late', async () => {
    const drill: Drill = { faults: [fault('dies')] }
    const stage = await new Stage(drill).play(drill, 19.9)
    const { director } = stage
    // Before it, a connection was lost by itself.
    director.noticed(0, MEASURE_US + 19.99e6)
    expect(stage.moments).toEqual([])
    director.noticed(0, MEASURE_US + 20.001e6)
    expect(stage.started).toHaveLength(1)
    await stage.play(drill, 21.5)
    expect(stage.moments).toEqual(['dies began +0', 'dies detected +0.001', 'dies exit 0', 'dies ended +0.001'])
    expect(stage.started).toHaveLength(1)
    expect(momentsOf(stage)).toMatchObject({ start: 20, detected: 20.001 })
  })

  test('never when measure is cut before its time, though the workers know of it', async () => {
    const drill: Drill = { faults: [fault('dies')] }
    const stage = await new Stage(drill).play(drill, 19.85)
    expect(stage.told).toHaveLength(1)
    stage.director.cut(MEASURE_US + 19.9e6)
    await stage.play(drill, 30)
    expect(stage.started).toEqual([])
    expect(stage.director.troubles()).toEqual(['fault dies never began: measure ended before its time'])
  })
})

describe('the moments of a fault', () => {
  test('are those of a node that dies, and whose clients go elsewhere', async () => {
    const stage = await run({
      faults: [fault('dies')],
      commands: { dies: 0.02 },
      row: (second) => (second < 20 || second >= 29 ? { connectedByNode: second < 29 ? [60, 40] : [100, 0] } : OUTAGE),
      at: {
        20: ({ director }) => {
          director.noticed(0, MEASURE_US + 20.4e6)
          director.noticed(0, MEASURE_US + 20.3e6)
        },
      },
    })
    expect(momentsOf(stage)).toEqual({ start: 20, ended: 20.02, detected: 20.3, restored: 29.75, recovered: 28.75 })
    expect(stage.director.facts()[0]!.connectedByNode).toEqual([100, 0])
    expect(stage.moments).toEqual([
      'dies began +0',
      'dies exit 0',
      'dies ended +0.02',
      'dies detected +0.4',
      'dies restored +9.75',
      'dies recovered +8.75',
    ])
  })

  test('are those of clients that are struck, away for a time, and come back over another', async () => {
    const stage = await run({
      faults: [fault('out', drop('silent', 10, 5))],
      row: between(20, 35, { sent: 600, received: 1200, missing: 40, connected: 60, dropped: 400 }),
      at: {
        20: ({ director }) => {
          director.struck(0, 30)
          director.struck(0, 10)
        },
      },
    })
    expect(momentsOf(stage)).toEqual({ start: 20, ended: 35, detected: null, restored: 35.75, recovered: 35 })
    expect(stage.director.facts()[0]).toMatchObject({ struck: 40, exec: null })
  })

  test('come when they come, and not before', async () => {
    const drill: Drill = { faults: [fault('out', drop('stopReading', 10))] }
    const stage = await new Stage(drill).play(drill, 29.9)
    expect(stage.moments).toEqual(['out began +0'])
    stage.director.advance(MEASURE_US + 30e6)
    expect(stage.moments).toEqual(['out began +0', 'out ended +10'])
  })

  test('are those of clients that were struck and came back within a second', async () => {
    const stage = await run({ faults: [fault('out', drop('reset', 0))], at: { 20: ({ director }) => director.struck(0, 5) } })
    expect(momentsOf(stage)).toEqual({ start: 20, ended: 20, detected: null, restored: 20.75, recovered: 20 })
  })

  test('are those of a stall that costs no connection, while the command goes on', async () => {
    const stage = await run({ faults: [fault('stalls')], commands: { stalls: 60 }, row: between(30, 35, { received: 0 }) })
    expect(momentsOf(stage)).toEqual({ start: 20, ended: 80, detected: null, restored: 80, recovered: 34.75 })
  })

  test('owe nothing to what was bad before it', async () => {
    const row = (second: number): Row => (second === 18 || (second >= 50 && second < 55) ? { received: 0 } : {})
    expect(momentsOf(await run({ faults: [fault('late')], commands: { late: 60 }, row })).recovered).toBe(54.75)
  })

  test('are not what happens long after it was over', async () => {
    const stage = await run({
      faults: [fault('out', drop('reset', 0))],
      at: { 20: ({ director }) => director.struck(0, 5), 70: ({ director }) => director.noticed(0, MEASURE_US + 70e6) },
    })
    expect(momentsOf(stage)).toMatchObject({ detected: null, restored: 20.75, recovered: 20 })
  })

  test('are all its end, where it does nothing', async () => {
    const stage = await run({ faults: [fault('nothing')], commands: { nothing: 2.5 } })
    expect(momentsOf(stage)).toEqual({ start: 20, ended: 22.5, detected: null, restored: 22.5, recovered: 22.5 })
  })

  test('wait for a command that does nothing for long', async () => {
    const stage = await run({ faults: [fault('late')], commands: { late: 60 }, row: between(60, 65, OUTAGE) })
    expect(momentsOf(stage)).toMatchObject({ ended: 80, restored: 65.75, recovered: 64.75 })
  })

  test('do not come to one that is never recovered from', async () => {
    const stage = await run({ faults: [fault('dies')], row: (second) => (second >= 20 ? OUTAGE : {}) })
    expect(momentsOf(stage)).toEqual({ start: 20, ended: 20, detected: null, restored: null, recovered: null })
    expect(stage.director.facts()[0]!.connectedByNode).toEqual([60, 0])
    expect(stage.director.isOver(MEASURE_US + 100e6)).toBe(false)
  })

  test('are not those behind the end of measure', async () => {
    const stage = await run({
      faults: [fault('dies')],
      measureS: 35,
      row: between(20, 28, OUTAGE),
      at: { 36: ({ director }) => director.noticed(0, MEASURE_US + 36e6) },
    })
    expect(momentsOf(stage)).toMatchObject({ detected: null, restored: 28.75, recovered: null })
  })

  test('begin anew where what seemed to do nothing is missed later on', async () => {
    const stage = await run({
      // A node is stopped, and its idle clients find out when the keep alive is over.
      faults: [fault('stops')],
      row: (second) => ({ ...between(60, 64, OUTAGE)(second), sent: 0, received: 0 }),
      at: { 60: ({ director }) => director.noticed(0, MEASURE_US + 60.1e6) },
    })
    expect(stage.moments).toEqual([
      'stops began +0',
      'stops exit 0',
      'stops ended +0',
      'stops recovered +0',
      'stops restored +0',
      'stops detected +40.1',
      'stops restored +44.75',
      'stops recovered +43.75',
    ])
  })

  test('and may then not come', async () => {
    const stage = await run({ faults: [fault('stops')], row: (second) => (second >= 60 ? OUTAGE : {}) })
    expect(momentsOf(stage)).toMatchObject({ start: 20, restored: null, recovered: null })
    expect(stage.director.facts()[0]!.connectedByNode).toEqual([60, 0])
  })

  test('stay what they were when a second fault has begun', async () => {
    const stage = await run({
      faults: [fault('first'), fault('second', { index: 1, atS: 30 })],
      row: (second) => ({ ...(second >= 20 && second < 60 && { received: RATE }), ...((second === 20 || second === 31) && OUTAGE) }),
    })
    expect(momentsOf(stage, 0)).toMatchObject({ restored: 21.75, recovered: 59.75 })
    expect(momentsOf(stage, 1)).toMatchObject({ restored: 32.75, recovered: 59.75 })
  })

  test('are not owed to a fault that was over when the next one began', async () => {
    const stage = await run({
      faults: [fault('first', { ...drop('stopReading', 5) }), fault('second', { index: 1, atS: 60 })],
      row: between(60, 64, OUTAGE),
      at: {
        60: ({ director }) => {
          director.noticed(0, MEASURE_US + 60.1e6)
          director.noticed(1, MEASURE_US + 60.1e6)
        },
      },
    })
    expect(momentsOf(stage, 0)).toEqual({ start: 20, ended: 25, detected: null, restored: 25, recovered: 25 })
    expect(momentsOf(stage, 1)).toEqual({ start: 60, ended: 60, detected: 60.1, restored: 64.75, recovered: 63.75 })
  })

  test('of two that overlap are measured by the same normal', async () => {
    const stage = await run({
      faults: [fault('first'), fault('second', { index: 1, atS: 30 })],
      // Between them it is as bad as ever, so the second has no normal of its own.
      row: (second) => (second < 20 || second >= 50 ? {} : second < 40 ? OUTAGE : { received: 1500 }),
    })
    expect(momentsOf(stage, 0).recovered).toBe(49.75)
    expect(momentsOf(stage, 1)).toMatchObject({ start: 30, restored: 40.75, recovered: 49.75 })
  })

  test('of one that comes later are measured by the calm before it', async () => {
    const stage = await run({
      faults: [fault('first'), fault('second', { index: 1, atS: 60 })],
      // From 26 s on one subscriber of 100 is gone for good, 2 % more from the second fault on: that is no recovery.
      row: (second) => ({
        ...(second >= 26 && { received: 1985 }),
        ...between(20, 26, OUTAGE)(second),
        ...(second >= 60 && { received: 1930 }),
      }),
    })
    expect(momentsOf(stage, 0).recovered).toBe(25.75)
    expect(momentsOf(stage, 1).recovered).toBeNull()
  })
})

describe('a recovery', () => {
  test('that is interrupted in its seventh second begins anew', async () => {
    const stage = await run({
      faults: [fault('dies')],
      row: (second) => (second < 20 || (second >= 25 && second !== 31) ? {} : { received: 0 }),
    })
    expect(momentsOf(stage).recovered).toBe(31.75)
  })

  test.each([
    { what: '99 % of the rate', row: { received: 1980 }, recovered: 24.75 },
    { what: 'less than 99 % of it', row: { received: 1978 }, recovered: null },
    { what: 'messages that wait', row: { backlog: 11 }, recovered: null },
    { what: 'one client that is missing', row: { missing: 1 }, recovered: null },
  ])('is made of $what: $recovered', async ({ row, recovered }) => {
    const stage = await run({ faults: [fault('dies')], row: (second) => (second < 20 ? {} : second < 25 ? OUTAGE : row) })
    expect(momentsOf(stage).recovered).toBe(recovered)
  })

  test('is none before the fault has ended, however little it does', async () => {
    const at = { 20: ({ director }: Stage) => director.struck(0, 5) }
    const stage = await run({ faults: [fault('slows', drop('stopReading', 8))], at })
    expect(momentsOf(stage)).toMatchObject({ ended: 28, recovered: 28 })
  })

  test('is not what a backlog brings when it goes out', async () => {
    const stage = await run({
      faults: [fault('dies')],
      // For 5 s half of the publishers can't send; then 2500 messages go out in a second, and 20 % of the deliveries are gone for 8 s.
      row: (second) => {
        if (second < 20 || second >= 34) return {}
        if (second < 25) return { sent: 500, received: 1000, backlog: 500 * (second - 19) }
        return second === 25 ? { sent: 3500, received: 7000 } : { received: 1600 }
      },
    })
    expect(momentsOf(stage).recovered).toBe(33.75)
  })

  test('looks through the noise of Poisson arrivals', async () => {
    let state = 42
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647
    // Sixty chances of a half: 30 a second, give or take 4.
    const chance = () => Array.from({ length: 60 }, () => Number(random() < 0.5)).reduce((sum, hit) => sum + hit, 0)
    const sent = Array.from({ length: 120 }, chance)
    const stage = await run({
      faults: [fault('dies')],
      row: (second) => ({
        sent: sent[second + 10]!,
        received: 2 * sent[second + 10]! - (second === 25 ? 2 : 0) + (second === 26 ? 2 : 0),
        ...(second >= 20 && second < 25 && { received: sent[second + 10]! }),
      }),
    })
    expect(Math.min(...sent)).toBeLessThan(22)
    expect(momentsOf(stage).recovered).toBe(24.75)
  })

  test('is of the load at the time, which may have doubled or ended', async () => {
    const factor = (second: number) => (second < 23 ? 1 : second < 61 ? 2 : 0.1)
    const load = (second: number): Row => ({ sent: RATE * factor(second), received: 2 * RATE * factor(second) })
    // At twice the load, the rate of before is but a half.
    const row = (second: number): Row => ({ ...load(second), ...(second >= 20 && second < 31 && { received: 2 * RATE }) })
    expect(momentsOf(await run({ faults: [fault('dies')], row })).recovered).toBe(30.75)
    const late = await run({ faults: [fault('dies', { atS: 60.5 })], row: (second) => ({ ...load(second) }) })
    expect(momentsOf(late).recovered).toBe(60.5)
  })

  test.each([
    // The second in which the backlog goes out is none of the good ones.
    { load: 'is sent and not received', row: { received: 0 }, outage: { received: 0, sent: 500, backlog: 500 }, recovered: 25.75 },
    { load: 'is sent or dropped', row: { received: 0 }, outage: { received: 0, sent: 500, dropped: 500 }, recovered: 24.75 },
    { load: 'is connected only', row: { sent: 0, received: 0 }, outage: { sent: 0, received: 0, connected: 80 }, recovered: 24.75 },
    { load: 'is a message a minute', row: { sent: 0, received: 0 }, outage: { sent: 0, received: 0, connected: 80 }, recovered: 24.75 },
  ])('is found where the load $load', async ({ row, outage, load, recovered }) => {
    const isRare = load === 'is a message a minute'
    const rowOf = (second: number): Row => ({
      ...row,
      ...(isRare && second % 60 === 11 && { sent: 1, received: 2 }),
      ...(second >= 20 && second < 25 && outage),
    })
    const stage = await run({ faults: [fault('dies')], row: rowOf })
    expect(momentsOf(stage).recovered).toBe(recovered)
  })

  test('is compared with warm-up where the fault begins with measure', async () => {
    const row = (second: number) => (second >= 0 && second < 7 ? OUTAGE : {})
    expect(momentsOf(await run({ faults: [fault('dies', { atS: 0 })], row })).recovered).toBe(6.75)
  })

  describe('with no second of publishing before the fault', () => {
    /** Measure begins at once, 0.3 s into the run. */
    const restart = async (connected: number, row: (second: number) => Row) => {
      const none = () => undefined
      const exec = () => new Promise<Executed>(none)
      const director = new Director({ faults: [fault('dies', { atS: 0 })] }, { tell: none, onMoment: none, onCommand: none, exec })
      director.begin(300_000, 300_000, 100e6, connected)
      director.advance(300_000)
      director.advance(350_000)
      for (let second = 0; second < 60; second++) {
        const fromUs = second * 1e6
        director.second({ fromUs, toUs: fromUs + 1e6, ...PLAIN, ...row(second) })
      }
      const { restoredUs, recoveredUs } = director.facts()[0]!
      return { restoredUs, recoveredUs }
    }

    test('is compared with who has connected', async () => {
      const idle: Row = { sent: 0, received: 0 }
      const row = (second: number): Row => ({ ...idle, ...(second < 8 && { connected: 60, missing: second < 6 ? 40 : 0 }) })
      expect(await restart(100, row)).toEqual({ restoredUs: 9e6, recoveredUs: 8e6 })
    })

    test('does not wait for those whom churn has taken away', async () => {
      const row = (second: number): Row => ({ connected: 70, ...(second < 8 && { connected: 30, missing: 40 }) })
      expect(await restart(69, row)).toEqual({ restoredUs: 9e6, recoveredUs: 8e6 })
      expect(await restart(100, row)).toMatchObject({ restoredUs: null })
    })

    test('takes what comes due, and is not sent', async () => {
      const row = (second: number): Row => (second < 8 ? { sent: 600, dropped: 400, missing: second === 0 ? 40 : 0 } : {})
      expect(await restart(100, row)).toEqual({ restoredUs: 2e6, recoveredUs: 8e6 })
    })
  })

  test('asks for no more than there was, where the calm before a fault began with what a fault had left in queues', async () => {
    const stage = await run({
      faults: [fault('first'), fault('second', { index: 1, atS: 60 })],
      // Two fifths of the subscribers are away for 9 s, and then get what was queued for them: of that, 2 s are fresh.
      row: (second) => ({
        ...between(20, 29, { received: 1200, missing: 40 })(second),
        ...(second === 29 && { received: 3600 }),
        ...between(60, 65, OUTAGE)(second),
      }),
    })
    expect(momentsOf(stage, 0).recovered).toBe(28.75)
    expect(momentsOf(stage, 1).recovered).toBe(64.75)
  })

  test('counts no client as back that is missing, though others make up for it', async () => {
    const row = (second: number): Row => ({
      connected: 95 + (second % 6),
      ...(second >= 20 && second < 40 && { missing: 1, connected: 98 }),
    })
    expect(momentsOf(await run({ faults: [fault('dies')], row })).restored).toBe(40.75)
  })

  test('counts no client as back that has given up', async () => {
    const row = (second: number): Row => (second >= 20 ? { connected: 99, ...(second < 25 && { missing: 5, received: 1000 }) } : {})
    expect(momentsOf(await run({ faults: [fault('dies')], row }))).toMatchObject({ restored: null, recovered: 24.75 })
  })
})

test('all is over when every fault has begun, is recovered from and keeps nobody away', async () => {
  const over: boolean[] = []
  const drill: Drill = {
    faults: [
      fault('a', { ...drop('disconnect', 30) }),
      fault('b', { index: 1, trigger: { kind: 'after', fault: 0, is: 'restored', waitUs: 0 } }),
    ],
    row: between(20, 22, OUTAGE),
    at: {
      20: ({ director }) => director.struck(0, 5),
      24: ({ director }) => over.push(director.isOver(MEASURE_US + 24e6)),
      45: ({ director }) => over.push(director.isOver(MEASURE_US + 45e6)),
      70: ({ director }) => over.push(director.isOver(MEASURE_US + 70e6)),
    },
  }
  await run(drill)
  expect(over).toEqual([false, false, true])
})

describe('a command that fails is said', () => {
  test.each([
    {
      exit: { exitCode: 1, output: 'starting\nno such node\n\n' },
      words: ['fault dies: its command "./kill" ended with exit code 1: no such node'],
    },
    { exit: { exitCode: null, signal: 'SIGSEGV' }, words: ['fault dies: its command "./kill" was ended by SIGSEGV'] },
    { exit: { exitCode: null, output: 'spawn ENOENT' }, words: ['fault dies: its command "./kill" could not be started: spawn ENOENT'] },
    { exit: { exitCode: 0, output: 'fine' }, words: [] },
  ])('$words', async ({ exit, words }) => {
    const stage = await run({ faults: [fault('dies')], commands: { dies: { afterS: 1, ...exit } } })
    expect(stage.director.troubles()).toEqual(words)
    expect(stage.director.facts()[0]!.exec).toMatchObject({ command: './kill', lengthS: 1, ...exit })
  })

  test('but not one that was ended with the run, and has not come to its own end', async () => {
    const executed = { figures: { command: './kill', exitCode: null, signal: 'SIGTERM', lengthS: 9, output: '' }, wasEnded: true }
    const none = () => undefined
    const effects = { tell: none, onMoment: none, onCommand: none, exec: () => Promise.resolve(executed) }
    const director = new Director({ faults: [fault('dies', { atS: 0 })] }, effects)
    director.begin(0, 1e6, 1e7, 0)
    director.advance(1e6)
    director.advance(2e6)
    await Promise.resolve()
    expect(director.facts()[0]!).toMatchObject({ exec: executed.figures, endUs: null })
    expect(director.troubles()).toEqual([])
  })
})

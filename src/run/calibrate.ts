/**
 * What this machine can do, measured with the product itself: small runs against a sink on this machine, so that no broker is the limit.
 *
 * Half of the cores generate and the other half are the sink, which costs about as much: with a broker elsewhere a machine does more, never less.
 * A rate is reached where what is meant for a second is done in it. How late that is within the second depends on what else the machine does, which
 * each run finds for itself. Rates are looked for from below: connects step by step, messages on a ramp that ends above what was sent when
 * everything was overdue.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import { CALIBRATION_SCHEMA, type Calibration, calibrationMachine } from '../machine/calibration.ts'
import type { MachineFacts } from '../machine/facts.ts'
import { socketsPerProcess } from '../machine/layout.ts'
import { startSink } from '../sink/sink.ts'
import { US_PER_S } from '../units.ts'
import { type TrialLayout, type Tried, tryOut } from './trial.ts'

export interface CalibrateOptions {
  readonly facts: Pick<MachineFacts, 'cpu' | 'cores' | 'kernel' | 'openFiles'>
  /** What generates: most of the figures are of it. */
  readonly layout: TrialLayout
  readonly trial: Trial
  /** Before each figure is measured. */
  readonly onStep: (what: string) => void
}

/** Runs a scenario against the sink. */
export type Trial = (text: string, layout: TrialLayout) => Promise<Tried>

/** The first rate of connects that is tried, and what it grows by. */
const FIRST_CONNECTS = 4000
const CONNECT_STEPS = [1.5, 1.5 ** 0.25]
const MOST_CONNECTS = 500_000
/** A connect phase keeps up where nearly all of its clients are connected within so much of its length after they were meant to be. */
const CONNECT_SLACK = 0.1
/** Of what a second was to have. */
const REACHED_SHARE = 0.99
/** So much at once that everything is overdue, for each worker. */
const OVERDUE_PER_SEC = 500_000
const SUBSCRIBERS = 400
const MOST_RECEIVED_PER_SEC = 400_000
const IDLE_CLIENTS = 12_000
const ONE: TrialLayout = { workers: 1, processes: 1 }
const PAIR: TrialLayout = { workers: 2, processes: 2 }
const SIX: TrialLayout = { workers: 6, processes: 6 }

/** @throws EnvironmentError  the sink can't be had here, or too much else is going on for any figure to be worth something */
export async function calibrateHere(facts: MachineFacts, onStep: (what: string) => void): Promise<Calibration> {
  const cores = availableParallelism()
  const layout = { workers: Math.max(1, Math.floor(cores / 2)), processes: 1 }
  const folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-calibrate-'))
  try {
    const sink = await startSink({ address: '127.0.0.1', port: 0, processes: Math.max(1, cores - layout.workers) })
    try {
      const trial: Trial = (text, used) => tryOut(text, `mqtt://127.0.0.1:${sink.port}`, folder, used)
      const broken = sink.ended.then((error) => Promise.reject(error))
      return await Promise.race([calibrate({ facts, layout, trial, onStep }), broken])
    } finally {
      await sink.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @throws EnvironmentError  as `calibrateHere` */
export async function calibrate({ facts, layout, trial, onStep }: CalibrateOptions): Promise<Calibration> {
  async function step<T>(what: string, used: TrialLayout, measure: () => Promise<T>) {
    onStep(what)
    return { value: await measure(), ...used, at: new Date().toISOString() }
  }
  const publishesOf = (qos: 0 | 1 | 2) => step(`publishes of QoS ${qos}`, layout, () => publishes(trial, layout, qos))
  return {
    schema: CALIBRATION_SCHEMA,
    machine: calibrationMachine(facts),
    timerLatenessUs: await step('timers', layout, () => timerLateness(trial, layout)),
    connectsPerSec: await step('connects', layout, () => connects(trial, layout, socketsPerProcess(facts))),
    publishesPerSec: { 0: await publishesOf(0), 1: await publishesOf(1), 2: await publishesOf(2) },
    receivesPerSec: await step('receives', ONE, () => receives(trial)),
    bytesPerProcess: await step('the memory of a process', SIX, () => processBytes(trial)),
    bytesPerIdleClient: await step('the memory of a client', PAIR, () => clientBytes(trial)),
  }
}

async function timerLateness(trial: Trial, layout: TrialLayout): Promise<Calibration['timerLatenessUs']['value']> {
  const { report } = await trial(publishing({ rate: 1000, qos: 0, measure: '4s' }), layout)
  const { p50, p99 } = report.sendLagUs
  if (p50 === null || p99 === null) throw tooBusy('a thousand messages a second')
  return { p50, p99 }
}

/** The highest rate at which clients are connected nearly as soon as they are meant to be. */
async function connects(trial: Trial, layout: TrialLayout, room: number | null): Promise<number> {
  const keepsUp = async (rate: number) => {
    const clients = Math.min(rate, Math.floor((room ?? Number.POSITIVE_INFINITY) / 2))
    const { report } = await trial(idle(clients, rate, '1s'), layout)
    const { p99 } = report.connectUs
    return report.clients.failed === 0 && p99 !== null && p99 <= CONNECT_SLACK * (clients / rate) * US_PER_S
  }
  let reached = 0
  for (const factor of CONNECT_STEPS) {
    for (let rate = reached * factor || FIRST_CONNECTS; rate < MOST_CONNECTS; rate *= factor) {
      if (!(await keepsUp(Math.round(rate)))) break
      reached = Math.round(rate)
    }
  }
  if (reached === 0) throw tooBusy(`${FIRST_CONNECTS} connects a second`)
  return reached
}

async function publishes(trial: Trial, layout: TrialLayout, qos: 0 | 1 | 2): Promise<number> {
  const overdue = await trial(publishing({ rate: layout.workers * OVERDUE_PER_SEC, qos, measure: '2s' }), layout)
  const top = Math.max(1, ...overdue.rows.map(({ sentPerSec }) => sentPerSec))
  const { rows } = await trial(publishing({ rate: Math.ceil(top), qos, measure: '10s', load: '{ 0s: 10%, 11s: 115% }' }), layout)
  return highest(
    'publishing',
    rows.map(({ plannedPerSec, sentPerSec }) => ({ wanted: plannedPerSec, reached: sentPerSec })),
  )
}

/** Of one worker, from one publisher to many subscribers, so that it hardly sends: as far as a process of the sink can feed it. */
async function receives(trial: Trial): Promise<number> {
  const upTo = async (top: number, from: string) => {
    const { rows } = await trial(fanOut(top / SUBSCRIBERS, `{ 0s: ${from}, 11s: 100% }`), ONE)
    return rows.map(({ plannedPerSec, receivedPerSec }) => ({ wanted: plannedPerSec * SUBSCRIBERS, reached: receivedPerSec }))
  }
  // Whatever is published is hundreds of deliveries, so that the first ramp is steep and the second begins where it ended.
  const steep = await upTo(MOST_RECEIVED_PER_SEC, '2%')
  return highest('receiving', [...steep, ...(await upTo(1.5 * highest('receiving', steep), '60%'))])
}

/** What one more process takes, with hardly a client in it. */
async function processBytes(trial: Trial): Promise<number> {
  const [two, six] = [await residentOf(trial, 6, PAIR), await residentOf(trial, 6, SIX)]
  return Math.max(1, Math.round((six - two) / (SIX.processes - PAIR.processes)))
}

/** What one more client takes in its process: the kernel's memory for its socket is not in it. */
async function clientBytes(trial: Trial): Promise<number> {
  const [few, many] = [await residentOf(trial, 2, PAIR), await residentOf(trial, IDLE_CLIENTS, PAIR)]
  return Math.max(1, Math.round((many - few) / (IDLE_CLIENTS - 2)))
}

async function residentOf(trial: Trial, clients: number, layout: TrialLayout): Promise<number> {
  const { report } = await trial(idle(clients, 4000, '3s'), layout)
  return report.generator.memory.residentBytes
}

/** Per second, of seconds in which what was wanted was reached; what was late from before does not count. */
function highest(what: string, seconds: readonly { readonly wanted: number; readonly reached: number }[]): number {
  const kept = seconds.filter(({ wanted, reached }) => reached >= REACHED_SHARE * wanted)
  const reached = kept.map((second) => Math.min(second.wanted, second.reached))
  if (reached.length === 0) throw tooBusy(what)
  return Math.round(Math.max(...reached))
}

function tooBusy(what: string): EnvironmentError {
  return new EnvironmentError(`this machine is too busy to be calibrated: ${what} was more than it could do`, {
    hint: 'end what else runs here, and try again',
  })
}

function idle(clients: number, rate: number, measure: string): string {
  return `groups: { clients: { clients: ${clients}, reconnect: false, connect: { rate: ${rate}/s } } }
settle: 100ms
phases: { warmUp: 0s, measure: ${measure} }`
}

/** One publisher, and many who get all it publishes. */
function fanOut(rate: number, load: string): string {
  return `groups:
  publisher:
    publish: [{ topic: t, rate: ${rate}/s, load: ${load} }]
  subscribers:
    clients: ${SUBSCRIBERS}
    connect: { rate: 2000/s }
    subscribe: [{ filter: t }]
settle: 100ms
phases: { warmUp: 1s, measure: 10s, drain: 10s }`
}

interface Publishing {
  readonly rate: number
  readonly qos: 0 | 1 | 2
  readonly measure: string
  readonly load?: string
}

/** A thousand clients that publish. */
function publishing({ rate, qos, measure, load = '{ 0s: 100% }' }: Publishing): string {
  return `groups:
  publishers:
    clients: 1000
    connect: { rate: 2000/s }
    publish: [{ topic: "t/{client}", rate: ${rate}/s, qos: ${qos}, payload: { bytes: 64 }, load: ${load} }]
settle: 100ms
phases: { warmUp: 1s, measure: ${measure}, drain: 1s }`
}

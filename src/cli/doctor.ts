/**
 * `mqtt-scale doctor`: how many clients this machine can hold, what limits it first and what lifts that, and what it was measured to do.
 *
 * Without a scenario the clients are idle ones, on plain TCP, with a broker elsewhere: `plan` says it for a scenario.
 */
import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import {
  type Calibration,
  calibrationMachine,
  calibrationPath,
  type FoundCalibration,
  readCalibration,
  writeCalibration,
} from '../machine/calibration.ts'
import { addresses4, type MachineFacts, machineFacts, portCount } from '../machine/facts.ts'
import { processesFor } from '../machine/layout.ts'
import { idleNeeds } from '../machine/needs.ts'
import { type Row as NeedRow, type Table, tableOf } from '../machine/table.ts'
import { makeFolder } from '../report/folder.ts'
import { formatBytes, formatCount, formatDuration, formatRate } from '../units.ts'
import { type Row, section } from './section.ts'
import { ink, print, say, TOOL } from './terminal.ts'

export interface DoctorFlags {
  readonly json?: boolean
  readonly calibrate?: boolean
}

/** @returns 0: what is found changes no exit code */
export async function doctor(flags: DoctorFlags): Promise<number> {
  const facts = machineFacts()
  if (flags.calibrate) await measureAll(facts)
  const found = readCalibration(calibrationPath(), calibrationMachine(facts))
  print(flags.json ? `${JSON.stringify(figures(facts, found), null, 2)}\n` : renderDoctor(facts, found))
  return 0
}

/** Takes two and a half minutes, and the whole machine. */
async function measureAll(facts: MachineFacts): Promise<void> {
  const path = calibrationPath()
  checkPlace(path)
  say('measuring what this machine can do, against a sink on it: about two and a half minutes, in which nothing else should run')
  const { calibrateHere } = await import('../run/calibrate.ts')
  const calibration = await calibrateHere(facts, (what) => say(`  ${what}`))
  try {
    writeCalibration(path, calibration)
  } catch (cause) {
    // What was measured is not lost for want of a place for it.
    print(`${JSON.stringify(calibration, null, 2)}\n`)
    throw cannotWrite(path, cause, '; it is on stdout')
  }
  say(`written to ${path}`)
}

/** Before two minutes are spent on what can't be kept. @throws EnvironmentError */
function checkPlace(path: string): void {
  try {
    makeFolder(dirname(path))
    accessSync(dirname(path), constants.W_OK)
  } catch (cause) {
    throw cannotWrite(path, cause, '')
  }
}

function cannotWrite(path: string, cause: unknown, whereElse: string): EnvironmentError {
  const { code } = cause as NodeJS.ErrnoException
  return new EnvironmentError(`the calibration can't be written to ${path} (${code})${whereElse}`, {
    cause,
    hint: 'say where it may be: MQTT_SCALE_CALIBRATION=FILE',
  })
}

function figures(facts: MachineFacts, { calibration, problem }: FoundCalibration) {
  const { rows, clients } = tableOf(facts, idleNeeds(facts))
  return {
    clients,
    processes: clients === null ? null : processesFor(clients, facts),
    limitedBy: rows.find(({ limitsFirst }) => limitsFirst)?.name ?? null,
    clientsTowardsOneAddress: towardsOneAddress(facts),
    rows: rows.map(({ need: _, ...row }) => row),
    machine: facts,
    calibration,
    calibrationProblem: problem,
  }
}

/** For people, many lines, each ended by a newline; they fit 100 columns. */
export function renderDoctor(facts: MachineFacts, found: FoundCalibration): string {
  const table = tableOf(facts, idleNeeds(facts))
  const traps = table.rows
    .filter(({ state }) => state === 'trap')
    .map(({ what, words, note }) => `${ink.yellow('⚠')} ${what} ${words}: ${note}`)
  const sections = [
    section('Limits', ['', 'there is', 'clients', ''], table.rows.map(limitRow)),
    section('To hold more', [], [...table.rows].sort(byClients).flatMap(liftRows)),
    calibrationSection(found),
  ]
  return `${[...answer(facts, table), ...traps, ...sections].join('\n')}\n`
}

/** The first thing that somebody wants to know. */
function answer(facts: MachineFacts, { rows, clients }: Table): string[] {
  const first = rows.find(({ limitsFirst }) => limitsFirst)
  if (clients === null || first === undefined) return [ink.bold('No limit of this machine is known.')]
  const processes = processesFor(clients, facts)
  const where = processes === 1 ? 'one process' : `${formatCount(processes)} processes`
  const limits = first.name === 'memory' ? 'limits' : 'limit'
  const whole = ink.bold(
    `This machine can hold about ${formatCount(rounded(clients))} clients in ${where}; ${first.what} ${limits} it first.`,
  )
  const towards = towardsOneAddress(facts)
  if (towards === null || towards >= clients) return [whole]
  const own = addresses4(facts)
  const from = own < 2 ? 'its one IPv4 address' : `its ${formatCount(own)} IPv4 addresses`
  return [whole, `Towards one broker address elsewhere it is ${formatCount(towards)}, for the local ports of ${from}.`]
}

/** Clients that fit the local ports of all addresses of this machine, with a broker elsewhere that has one; null: unknown. */
function towardsOneAddress(facts: MachineFacts): number | null {
  const ports = portCount(facts)
  return ports && ports * Math.max(1, addresses4(facts))
}

function limitRow({ what, words, allows, note, state, limitsFirst }: NeedRow): Row {
  const remark = limitsFirst ? '← limits first' : state === 'trap' ? '⚠ see above' : (note ?? '')
  return [what, words, allows === null ? '' : formatCount(allows), remark]
}

/** What lifts a limit, a line each; a command is shown as it is to be typed. */
function liftRows({ what, lifts }: NeedRow): Row[] {
  return lifts.map((lift, i) => [i === 0 ? what : '', lift])
}

/** What lets the fewest through comes first. */
function byClients(a: NeedRow, b: NeedRow): number {
  const size = ({ allows, state }: NeedRow) => (state === 'trap' ? -1 : (allows ?? Number.MAX_VALUE))
  return size(a) - size(b)
}

function calibrationSection({ calibration, problem }: FoundCalibration): string {
  if (calibration === null) {
    return section(
      'Calibration',
      [],
      [],
      [...(problem === null ? [] : [`${ink.yellow('⚠')} ${problem}`]), `not calibrated: ${TOOL} doctor --calibrate`],
    )
  }
  const { connectsPerSec, publishesPerSec, receivesPerSec, bytesPerIdleClient, bytesPerProcess, timerLatenessUs } = calibration
  const row = (what: string, figure: string, { workers, processes, at }: Omit<Calibration['connectsPerSec'], 'value'>) => [
    what,
    figure,
    `${plural(workers, 'worker')}, ${plural(processes, 'process', 'es')}, ${at.slice(0, 10)}`,
  ]
  const { p50, p99 } = timerLatenessUs.value
  return section(
    'Calibration',
    ['', 'measured', ''],
    [
      row('connects', formatRate(connectsPerSec.value), connectsPerSec),
      ...([0, 1, 2] as const).map((qos) => row(`publishes, QoS ${qos}`, formatRate(publishesPerSec[qos].value), publishesPerSec[qos])),
      row('receives', formatRate(receivesPerSec.value), receivesPerSec),
      row('an idle client', formatBytes(bytesPerIdleClient.value), bytesPerIdleClient),
      row('a process', formatBytes(bytesPerProcess.value), bytesPerProcess),
      row('timers late, p50', formatDuration(p50), timerLatenessUs),
      row('timers late, p99', formatDuration(p99), timerLatenessUs),
    ],
  )
}

function plural(count: number, noun: string, ending = 's'): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : ending}`
}

/** Three digits: more are not known. */
function rounded(count: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, count))) - 2)
  return Math.floor(count / step) * step
}

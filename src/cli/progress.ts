/**
 * What a run shows on stderr while it goes on: bars on a terminal, plain lines where there is none, nothing when it is to be quiet.
 */
import { MultiBar, type SingleBar } from 'cli-progress'
import type { FaultMoment, Plan } from '../load/plan.ts'
import type { TimelineRow } from '../report/types.ts'
import type { RunListener } from '../run/controller.ts'
import type { Fault } from '../run/messages.ts'
import { formatCount, formatDuration, formatRate, US_PER_S } from '../units.ts'
import { paint, say } from './terminal.ts'

/** Between two plain lines within a phase. */
const LINE_EVERY_S = 5
/** Faults that are said one by one: the rest is in the report. */
const MOST_FAULTS = 20

type Moment = 'began' | FaultMoment

export interface Progress extends RunListener {
  /** A line that belongs to no bar. */
  note(line: string): void
  stop(): void
}

export function startProgress(plan: Plan, isQuiet: boolean): Progress {
  if (isQuiet) return { onPhase: ignore, onRow: ignore, onFault: ignore, onAbort: ignore, onMoment: ignore, note: ignore, stop: ignore }
  return process.stderr.isTTY ? new Bars(plan) : new Lines(plan)
}

/** Of one run of a series, whose own lines say how each of them went: on a terminal what it does now, and nothing that stays. */
export function startTrialProgress(plan: Plan, title: string): Progress {
  const silent = startProgress(plan, true)
  if (!process.stderr.isTTY) return silent
  const bars = new Bars(plan, `${title}: `)
  return { ...silent, onPhase: bars.onPhase.bind(bars), onRow: bars.onRow.bind(bars), stop: bars.stop.bind(bars) }
}

function ignore(): void {}

class Lines implements Progress {
  private readonly plan: Plan
  private readonly faults = new Faults()
  private phase = ''
  private saidAtS = 0

  constructor(plan: Plan) {
    this.plan = plan
  }

  onPhase(phase: string, tS: number): void {
    this.phase = phase
    this.saidAtS = tS
    const lengthUs = lengthOf(this.plan, phase)
    say(
      `${time(tS)}  ${phase}${lengthUs === null ? '' : `, ${formatDuration(lengthUs)}${phase === 'measure' || phase === 'warmUp' ? '' : ' at most'}`}`,
    )
  }

  onRow(row: TimelineRow): void {
    // A row is told up to a second after its phase: one that was begun earlier has had its line.
    if (row.phase !== this.phase || row.tS - this.saidAtS < LINE_EVERY_S) return
    this.saidAtS = row.tS
    say(`${time(row.tS)}  ${row.phase}: ${formatCount(row.connected)} connected, ${rates(row)}`)
  }

  onFault(fault: Fault): void {
    for (const line of this.faults.lines(fault)) this.note(line)
  }

  onMoment(fault: string, moment: Moment, sinceStartUs: number): void {
    this.note(momentLine(fault, moment, sinceStartUs))
  }

  onAbort(words: string): void {
    this.note(abortLine(words))
  }

  note(line: string): void {
    say(line)
  }

  stop(): void {}
}

class Bars implements Progress {
  private readonly plan: Plan
  private readonly title: string
  private readonly faults = new Faults()
  private readonly bars: MultiBar
  private readonly clients: SingleBar
  private readonly time: SingleBar
  private phase = ''
  private beganAtS = 0

  constructor(plan: Plan, title = '') {
    this.plan = plan
    this.title = title
    this.bars = new MultiBar({
      stream: process.stderr,
      format: ' {name} [{bar}] {words}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      autopadding: true,
      // Ctrl-C is a part of the run here.
      gracefulExit: false,
    })
    this.clients = this.bars.create(plan.clients, 0, { name: 'clients', words: title })
    this.time = this.bars.create(1, 0, { name: 'connect', words: '' })
  }

  onPhase(phase: string, tS: number): void {
    this.phase = phase
    this.beganAtS = tS
    this.time.setTotal(Math.max(1, (lengthOf(this.plan, phase) ?? US_PER_S) / US_PER_S))
    this.time.update(0, { name: phase.padEnd('clients'.length), words: '' })
  }

  onRow(row: TimelineRow): void {
    this.clients.update(row.connected, {
      words: `${this.title}${formatCount(row.connected)} of ${formatCount(this.plan.clients)} connected`,
    })
    const spentS = Math.max(0, row.tS - this.beganAtS)
    const lengthUs = lengthOf(this.plan, this.phase)
    const length = lengthUs === null ? '' : ` of ${formatDuration(lengthUs)}`
    this.time.update(Math.min(this.time.getTotal(), spentS), { words: `${Math.round(spentS)} s${length}, ${rates(row)}` })
  }

  onFault(fault: Fault): void {
    for (const line of this.faults.lines(fault)) this.note(line)
  }

  onMoment(fault: string, moment: Moment, sinceStartUs: number): void {
    this.note(momentLine(fault, moment, sinceStartUs))
  }

  onAbort(words: string): void {
    this.note(abortLine(words))
  }

  note(line: string): void {
    this.bars.log(`${line}\n`)
  }

  stop(): void {
    this.bars.stop()
  }
}

/** Says the first few faults, and once that there are more. */
class Faults {
  private count = 0

  lines({ group, clientId, node, reason }: Fault): string[] {
    this.count++
    if (this.count > MOST_FAULTS + 1) return []
    if (this.count > MOST_FAULTS) return [paint.yellow('more faults are counted in the report')]
    return [`${paint.yellow('fault')}  ${group}, client ${printable(clientId)}, node ${node}: ${printable(reason)}`]
  }
}

function momentLine(fault: string, moment: Moment, sinceStartUs: number): string {
  return `${paint.cyan(fault)}: ${moment}${moment === 'began' ? '' : ` after ${formatDuration(sinceStartUs)}`}`
}

function abortLine(words: string): string {
  return `${paint.red('aborted')} ${words}; drain runs, then the report is written`
}

/** Null where the phase has no length of its own. */
function lengthOf({ phases }: Plan, phase: string): number | null {
  if (phase === 'connect') return phases.connectUs
  if (phase === 'warmUp') return phases.warmUpUs
  if (phase === 'measure') return phases.measureUs
  return phase === 'drain' ? phases.drainUs : null
}

function rates(row: TimelineRow): string {
  const p99 = row.endToEndP99Us === null ? '' : `, p99 ${formatDuration(row.endToEndP99Us)}`
  if (row.phase === 'connect') return `${formatRate(row.connectsPerSec)} connects`
  return `${formatRate(row.sentPerSec)} sent, ${formatRate(row.receivedPerSec)} received${p99}`
}

function time(tS: number): string {
  return `${tS.toFixed(1).padStart(7)} s`
}

/** Texts of users and brokers must not move a terminal's cursor. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}

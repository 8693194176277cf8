/**
 * The stage of faults: what the director decides, done in a real run, and said in events.ndjson and to whoever watches.
 */
import type { FaultMoment, Plan } from '../load/plan.ts'
import type { ReportFolder } from '../report/folder.ts'
import { US_PER_S } from '../units.ts'
import type { Crew } from './crew.ts'
import { Director, type DirectorEffects } from './director.ts'
import type { Commands } from './exec.ts'

export interface MomentListener {
  /** A fault of the plan began or has come to something, so long after its start. */
  onMoment(fault: string, moment: 'began' | FaultMoment, sinceStartUs: number): void
}

/** In events.ndjson `fault` is a trouble of a client. */
const EVENTS = {
  began: 'faultBegan',
  ended: 'faultEnded',
  detected: 'faultDetected',
  restored: 'faultRestored',
  recovered: 'faultRecovered',
} as const

/** Of those whom churn wants back so many at the most are on their way. */
const RETURNING_SHARE = 0.01

/** How many clients of those connected are there at the least once publishing begins: then churn takes its share away. */
export function stayingOf({ groups, clients }: Plan, connected: number): number {
  const away = groups.reduce(
    (sum, { clients, churn }) => sum + (churn ? (clients * churn.awayUs) / (churn.connectedUs + churn.awayUs) : 0),
    0,
  )
  return away === 0 ? connected : Math.floor(connected * (1 - away / clients) * (1 - RETURNING_SHARE))
}

export function directorOf(around: {
  readonly plan: Plan
  readonly crew: Crew
  readonly commands: Commands
  readonly folder: ReportFolder
  readonly listener: MomentListener
  /** Between a command and the moment it is for. */
  readonly leadUs: number
  /** Something has changed. */
  readonly wake: () => void
}): Director {
  const { plan, crew, commands, folder, listener, leadUs, wake } = around
  const effects = {
    tell: (command) => crew.tell(command),
    exec: ({ name, exec }) => commands.run(name, exec),
    onMoment: ({ name }, moment, atUs, sinceStartUs) => {
      folder.event(atUs / US_PER_S, EVENTS[moment], { fault: name })
      listener.onMoment(name, moment, sinceStartUs)
      wake()
    },
    onCommand: ({ name }, { figures: { exitCode, signal }, wasEnded }, atUs) => {
      folder.event(atUs / US_PER_S, 'faultCommand', { fault: name, exitCode, signal, wasEnded })
      wake()
    },
  } satisfies DirectorEffects
  return new Director(plan, effects, leadUs)
}

/**
 * Removes what an earlier run left on its brokers: persistent sessions are ended by clean ones of the same client ids, retained messages by
 * empty ones.
 *
 * Clients, their ids and their topics are functions of the plan and the run's name, so a report is all that is needed to know them.
 */
import type { Surroundings } from '../load/group.ts'
import type { GroupPlan, PayloadPlan, Plan } from '../load/plan.ts'
import { sourceAddressesOf } from '../machine/addresses.ts'
import { machineFacts, portCount } from '../machine/facts.ts'
import { Crew } from './crew.ts'
import { localTeam } from './local.ts'
import type { Fault } from './messages.ts'

export interface CleanOptions {
  /** With secrets filled in, for the groups that have left something. */
  readonly plan: Plan
  /** The name of the run that left it. */
  readonly run: string
  readonly endpoints: Surroundings['endpoints']
  readonly transport: 'epoll' | 'stream'
  /** What relative paths of certificates are relative to. */
  readonly folder: string
  onFault(fault: Fault): void
}

/** What is on the broker still. */
export interface Remains {
  readonly sessions: number
  readonly retained: number
}

const NO_PAYLOAD: PayloadPlan = { kind: 'bytes', min: 0, max: 0 }

/** @throws Error  the worker broke down */
export async function cleanRun({ plan, run, endpoints, transport, folder, onFault }: CleanOptions): Promise<Remains> {
  const bare = { ...plan, groups: plan.groups.map(withoutPayloads) }
  const slice = { index: 0, of: 1, ranges: plan.groups.map((group) => [0, canLeave(group) ? group.clients : 0] as const) }
  const sourceAddresses = sourceAddressesOf(bare, endpoints, portCount(machineFacts()))
  const around: Surroundings = { plan: bare, run, endpoints, sourceAddresses, unixEpochMs: Date.now(), files: new Map(), near: null }
  let loss: Error | null = null
  const team = localTeam({
    around,
    slice,
    transport,
    epochNs: process.hrtime.bigint(),
    folder,
    workers: 1,
    processes: 1,
    leaseUs: Number.POSITIVE_INFINITY,
  })
  const crew = new Crew(team.recruits, {
    onTelling: (_, telling) => {
      if (telling.type === 'fault') onFault(telling.fault)
    },
    onLoss: (_, error) => {
      loss = error ?? new Error('the worker that cleans up ended early')
    },
  })
  await crew.ask(null, 'ready')
  const [left] = await crew.ask({ type: 'leave', cleanUp: true, everyone: true }, 'left')
  await crew.stop()
  if (left === undefined) throw loss ?? new Error('the worker that cleans up did not answer')
  return left.leftovers
}

/** Whether clients of the group can leave a session or a retained message behind. */
export function canLeave(group: GroupPlan): boolean {
  return keepsSessions(group) || group.will?.retain === true || group.publish.some((entry) => entry.retain)
}

function keepsSessions(group: GroupPlan): boolean {
  return group.cleanShare < 1 && (group.version < 5 || group.sessionExpiryS > 0)
}

/** Nothing is published but empty messages: payload files need not be there. */
function withoutPayloads(group: GroupPlan): GroupPlan {
  const publish = group.publish.map((entry) => ({ ...entry, payload: NO_PAYLOAD }))
  const subscribe = group.subscribe.map((entry) => ({ ...entry, reply: null }))
  return { ...group, publish, subscribe, will: group.will && { ...group.will, payload: NO_PAYLOAD } }
}

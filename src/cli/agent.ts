/**
 * `mqtt-scale agent`: serves slices of somebody's run, one run after the other, until somebody ends it.
 *
 * What it may do is said where it is started, not by who calls it: it connects to nothing but its allowed targets.
 */
import { accessSync, constants } from 'node:fs'
import { hostname } from 'node:os'
import { Agent } from '../control/agent.ts'
import { connectControl } from '../control/connect.ts'
import { AGENT_ID } from '../control/subjects.ts'
import { EnvironmentError, UsageError } from '../errors.ts'
import { makeFolder } from '../report/folder.ts'
import { checkTargetTexts } from '../run/targets.ts'
import { formatCount } from '../units.ts'
import { INTERRUPTED } from './exit.ts'
import { type ControlFlags, controlOptions } from './options.ts'
import { asTyped } from './scenarios.ts'
import { onSignals } from './signals.ts'
import { say } from './terminal.ts'

export interface AgentFlags extends ControlFlags {
  readonly id?: string
  readonly allowTarget: readonly string[]
  readonly maxClients?: number
  readonly out?: string
  readonly once?: boolean
}

const FOLDER = 'reports'
const LOST = 4

/**
 * @returns 130; with --once 0 where the controller ended the run, be it before it began: the verdict is the controller's, and a Job of agents is done;
 * or 4 where the agent and its controller lost each other
 * @throws EnvironmentError  the server can't be had, or is lost for good
 */
export async function agent(flags: AgentFlags): Promise<number> {
  const { allowTarget, maxClients = null, out = FOLDER, once = false } = flags
  const id = flags.id ?? nameOfHost()
  if (!AGENT_ID.test(id)) throw new UsageError(`--id ${id}: expected up to 32 letters, digits, - and _`)
  if (allowTarget.length === 0) {
    throw new UsageError('--allow-target is missing: an agent connects to nothing that it is not allowed to', {
      hint: 'name your broker, HOST[:PORT] or a block such as 10.0.0.0/8; repeatable',
    })
  }
  checkTargetTexts(allowTarget)
  checkFolder(out)
  const connection = await connectControl(controlOptions(flags), `mqtt-scale agent ${id}`)
  let isLeaving = false
  let finish: (exitCode: number) => void = () => {}
  const ended = new Promise<number>((resolve) => {
    finish = resolve
  })
  const agent = new Agent({
    connection,
    id,
    allowed: allowTarget,
    maxClients,
    once,
    out,
    onWords: say,
    onRun: (run, clients) => say(`run ${run}: ${formatCount(clients)} clients`),
    onEnd: (run, { why, isOrdered }, folder) => {
      say(`run ${run} has ended${why === null ? '' : `: ${why}`}; its record is in ${asTyped(folder)}`)
      if (once && !isLeaving) finish(isOrdered ? 0 : LOST)
    },
  })
  // The first lets it leave in order, the second ends it.
  const stopListening = onSignals(() => {
    stopListening()
    say('ending: its clients leave the brokers; press Ctrl-C again to end at once')
    isLeaving = true
    void agent.leave('somebody ended it').then(() => finish(INTERRUPTED))
  })
  const lost = connection.closed().then(async (why) => {
    isLeaving = true
    await agent.leave('its connection to NATS was closed')
    const words = why instanceof Error ? `: ${why.message}` : ''
    throw new EnvironmentError(`the connection to NATS was closed${words}`, { cause: why, hint: 'start the agent anew' })
  })
  // At the end nobody waits for it any more.
  lost.catch(() => {})
  try {
    await agent.ready()
    const most = maxClients === null ? '' : `, ${formatCount(maxClients)} clients at most`
    say(`agent ${id} is ready at ${connection.getServer()}; it may connect to ${allowTarget.join(', ')}${most}`)
    return await Promise.race([ended, lost])
  } finally {
    stopListening()
    await connection.close()
  }
}

/** The host's name, as far as it can stand in a subject. */
function nameOfHost(): string {
  return hostname()
    .split('.')[0]!
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 32)
}

function checkFolder(folder: string): void {
  try {
    makeFolder(folder)
    accessSync(folder, constants.W_OK)
  } catch (cause) {
    throw new EnvironmentError(`can't write to ${folder} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: 'name another folder with --out',
    })
  }
}

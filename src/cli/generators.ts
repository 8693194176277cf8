/**
 * Who generates a run's load: this machine, or agents on others.
 */
import { Interrupted, UsageError } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { literalSecrets } from '../load/secrets.ts'
import type { RunOptions } from '../run/controller.ts'
import { localRun } from '../run/local.ts'
import type { Prepared } from '../run/prepare.ts'
import { controlOptions, type RunFlags } from './options.ts'
import { onSignals } from './signals.ts'
import { say } from './terminal.ts'

export interface Generators extends Pick<RunOptions, 'around' | 'epochNs' | 'team' | 'transport'> {
  /** From now on it is a run. */
  begin(): Promise<void>
  /** @param why  null: the run has ended in order */
  end(why: string | null): Promise<void>
}

interface RunFacts extends Pick<RunOptions, 'scenario' | 'startedAt'> {
  /** No run comes after it that wants the same agents. */
  readonly isLast: boolean
}

/** @throws UsageError  flags and scenario ask for what agents can't do */
export function checkGenerators(plan: Plan, { control, agents }: RunFlags): void {
  if (control === undefined) {
    if (agents !== undefined)
      throw new UsageError('--agents needs --control', { hint: 'say where they are to be found: --control nats://HOST:4222' })
    return
  }
  if (agents === undefined) throw new UsageError('--control needs --agents', { hint: 'say how many there are to be: --agents 3' })
  if (plan.embedded) {
    throw new UsageError('agents on other machines can’t reach the embedded broker', {
      hint: 'give a broker of your own: --broker mqtt://HOST',
    })
  }
  const [secret] = literalSecrets(plan)
  if (secret !== undefined) {
    throw new UsageError(`${secret} is written out in the scenario, and would be sent to the agents`, {
      hint: 'write a reference, ${env:NAME} or ${file:PATH}: each agent has the secret itself',
    })
  }
}

/** @throws EnvironmentError  the agents can't be had; Interrupted: somebody did not want to wait for them */
export async function generatorsOf(prepared: Prepared, flags: RunFlags, { scenario, startedAt, isLast }: RunFacts): Promise<Generators> {
  const nothing = async () => {}
  if (flags.control === undefined) {
    const { transport } = prepared
    return { ...localRun(prepared, scenario), transport, begin: nothing, end: nothing }
  }
  const { Muster } = await import('../control/muster.ts')
  const { workers = null, processes = null } = flags
  const muster = await Muster.connect({
    control: controlOptions(flags),
    agents: flags.agents!,
    plan: withoutMetrics(prepared.shownPlan),
    files: prepared.files,
    startedAt,
    isLast,
    workers,
    processes,
    onWords: (words) => flags.quiet || say(words),
  })
  const { run, epochNs, unixEpochMs } = muster
  const { plan, endpoints, sourceAddresses, files, transport } = prepared
  const interruption = interruptible()
  try {
    const team = await Promise.race([muster.gather(), interruption.interrupted])
    return {
      around: { plan, run, endpoints, sourceAddresses, files, unixEpochMs, near: null },
      epochNs,
      team,
      transport: team.agents()[0]?.transport ?? transport,
      begin: () => muster.begin(),
      end: (why) => muster.end(why),
    }
  } catch (error) {
    await muster.end(error instanceof Error ? error.message : String(error))
    throw error
  } finally {
    interruption.stop()
  }
}

/** It is the controller that reads them. */
function withoutMetrics(plan: Plan): Plan {
  return { ...plan, nodes: plan.nodes.map(({ metrics: _, ...node }) => node) }
}

/** Before there is a run, Ctrl-C ends the wait for it. */
function interruptible(): { readonly interrupted: Promise<never>; stop(): void } {
  let stop = () => {}
  const interrupted = new Promise<never>((_, reject) => {
    stop = onSignals(() => reject(new Interrupted('interrupted before the run began')))
  })
  // Nobody may be waiting for it any more.
  interrupted.catch(() => {})
  return { interrupted, stop }
}

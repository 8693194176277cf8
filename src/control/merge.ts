/**
 * The report of a run from what its agents kept: their journals are read side by side, in the order of time, by what the controller would have
 * taken them with. What only the controller knew is not in it: probe, sentinel, retained messages, commands of faults.
 */
import { EnvironmentError } from '../errors.ts'
import { PlannedMessages } from '../load/rates.ts'
import { scenarioHash } from '../load/scenario.ts'
import type { Window } from '../load/sheets.ts'
import { buildReport, type Outcome } from '../report/build.ts'
import { windowsOf } from '../report/windows.ts'
import { Accounts } from '../run/accounts.ts'
import { Director } from '../run/director.ts'
import { agentsFigures } from '../run/generator.ts'
import type { Command, Telling } from '../run/messages.ts'
import { PhaseLog } from '../run/phases.ts'
import { Recorder } from '../run/recorder.ts'
import { stayingOf } from '../run/stage.ts'
import { Strain } from '../run/strain.ts'
import { formatDuration, thousandths, US_PER_S } from '../units.ts'
import { CONTROLLER_GONE } from './alone.ts'
import { Chronicle } from './chronicle.ts'
import { OPEN_SECONDS } from './protocol.ts'

const FORSAKEN =
  'the controller was lost, and its agents ended the run by themselves: what it alone knew is missing (probe, sentinel, retained messages, commands of faults)'

/**
 * @param paths  of journals, of one run, one of each agent
 * @throws EnvironmentError  they are of several runs, two are of one agent, or nothing is in them
 */
export function mergeJournals(paths: readonly string[]): Promise<Outcome> {
  const chronicles = paths.map((path) => new Chronicle(path))
  const [first] = chronicles
  if (first === undefined) throw new EnvironmentError('there is no journal of an agent')
  const runs = [...new Set(chronicles.map(({ assignment }) => assignment.run))]
  if (runs.length > 1)
    throw new EnvironmentError(`these are journals of ${runs.length} runs: ${runs.join(', ')}`, { hint: 'name folders of one run' })
  checkOncePerAgent(chronicles, paths)
  const order = first.assignment.agents
  chronicles.sort((a, b) => order.indexOf(a.agent) - order.indexOf(b.agent))
  return new Merger(chronicles).outcome()
}

/** What is read twice would count twice. */
function checkOncePerAgent(chronicles: readonly Chronicle[], paths: readonly string[]): void {
  const byAgent = new Map<string, string>()
  for (const [i, { agent }] of chronicles.entries()) {
    const other = byAgent.get(agent)
    if (other !== undefined) {
      throw new EnvironmentError(`${other} and ${paths[i]} are both of agent ${agent}`, { hint: 'name each journal of a run once' })
    }
    byAgent.set(agent, paths[i]!)
  }
}

class Merger {
  private readonly chronicles: readonly Chronicle[]
  private readonly phases = new PhaseLog()
  private readonly recorder: Recorder
  private readonly director: Director
  private readonly strain: Strain
  private originUs = Number.POSITIVE_INFINITY
  private measureEndUs = Number.POSITIVE_INFINITY
  private readonly begun = new Set<string>()
  private connected = 0
  private nowUs = 0

  constructor(chronicles: readonly Chronicle[]) {
    this.chronicles = chronicles
    const { plan } = this
    const nowhere = { plan, endpoints: plan.nodes.map(() => []), sourceAddresses: plan.groups.map(() => []) }
    this.strain = new Strain(nowhere, { openFiles: null, localPorts: null }, 0, false)
    this.director = new Director(plan, {
      tell: () => {},
      // What a command did, its controller knew.
      exec: () => new Promise(() => {}),
      onMoment: () => {},
      onCommand: () => {},
    })
    this.recorder = new Recorder({
      folder: null,
      strain: this.strain,
      planned: new PlannedMessages(plan),
      phaseAt: (timeUs) => this.phases.at(timeUs),
      originUs: () => this.originUs,
      members: () => this.chronicles.filter(({ nextUs }) => nextUs < Number.POSITIVE_INFINITY).length,
      openSeconds: OPEN_SECONDS,
      onRow: () => {},
      onSecond: (second) => {
        this.director.advance(second.toUs)
        this.director.second(second)
      },
    })
  }

  async outcome(): Promise<Outcome> {
    this.replay()
    this.recorder.finish()
    this.phases.end(this.nowUs)
    const { plan, recorder, director, chronicles } = this
    const { assignment } = chronicles[0]!
    const pieces = this.pieces()
    const startUs = pieces[0]?.startUs ?? this.nowUs
    const endUs = pieces.at(-1)?.endUs ?? this.nowUs
    const accounts = this.accounts(pieces)
    const settled = await accounts.settle(pieces, recorder.totals)
    const edges = new Set(pieces.flatMap((piece) => [piece.startUs, piece.endUs]))
    const windows = windowsOf(plan, director.facts(), startUs, endUs).filter((span) => edges.has(span.startUs) && edges.has(span.endUs))
    const losses = this.losses()
    return buildReport({
      plan,
      run: {
        id: assignment.run,
        scenario: plan.name,
        scenarioHash: scenarioHash(plan),
        seed: plan.seed,
        labels: plan.labels,
        startedAt: assignment.startedAt,
        durationS: thousandths(this.nowUs / US_PER_S),
        phases: this.phases.facts(),
        leftovers: {
          sessions: chronicles.reduce((sum, { leftovers }) => sum + leftovers.sessions, 0),
          retained: chronicles.reduce((sum, { leftovers }) => sum + leftovers.retained, 0),
        },
        insecureTls: plan.groups.some(({ tls }) => tls.insecure),
      },
      metrics: recorder.totals,
      unverified: recorder.unverified,
      shares: accounts.shares,
      retained: null,
      drops: null,
      watched: null,
      timeline: recorder.timeline,
      generator: agentsFigures(
        chronicles.map((chronicle) => chronicle.facts),
        recorder,
        this.strain,
      ),
      brokers: null,
      unsentOfOurs: chronicles.reduce((sum, { unsentOfOurs }) => sum + unsentOfOurs, 0),
      losses,
      isInterrupted: false,
      abort: null,
      checks: [accounts.check()],
      faults: director.facts(),
      faultTroubles: director.troubles(),
      seconds: recorder.seconds,
      measureStartUs: startUs,
      windows,
      pieces: settled,
      wills: accounts.willResult(losses.length === 0),
    })
  }

  private get plan() {
    return this.chronicles[0]!.plan
  }

  /** All that was, in its order. */
  private replay(): void {
    for (;;) {
      const next = this.chronicles.reduce<Chronicle | null>(
        (soonest, one) => (one.nextUs < (soonest?.nextUs ?? Number.POSITIVE_INFINITY) ? one : soonest),
        null,
      )
      if (next === null) return
      const record = next.take()
      this.nowUs = Math.max(this.nowUs, record.atUs)
      if (record.type === 'command') this.obey(record.command)
      else if (record.report.type === 'telling') this.hear(this.chronicles.indexOf(next), record.report.telling)
    }
  }
  /** All of them were told the same: the first to have it counts. */
  private obey(command: Command): void {
    const { phases } = this.plan
    switch (command.type) {
      case 'connect':
        this.begin('connect', command.startUs)
        break
      case 'publish': {
        if (this.originUs < Number.POSITIVE_INFINITY) break
        this.originUs = command.originUs
        const startUs = this.originUs + phases.warmUpUs
        this.measureEndUs = startUs + phases.measureUs
        this.begin('warmUp', this.originUs)
        this.begin('measure', startUs)
        const connected = Math.max(this.connected, this.recorder.timeline.at(-1)?.connected ?? 0)
        this.director.begin(this.originUs, startUs, this.measureEndUs, stayingOf(this.plan, connected))
        break
      }
      case 'cut':
        this.measureEndUs = Math.min(this.measureEndUs, command.endUs)
        this.director.cut(command.endUs)
        break
      case 'drain':
        this.begin('drain', Math.min(this.nowUs, this.measureEndUs))
        break
      case 'leave':
        if (command.cleanUp) this.begin('cleanUp', this.nowUs)
    }
  }

  private hear(member: number, telling: Telling): void {
    switch (telling.type) {
      case 'gained':
        this.recorder.take(member, telling.gain)
        break
      case 'arrived':
        this.connected += telling.connected
        break
      case 'struck':
        this.director.struck(telling.fault, telling.members)
        break
      case 'noticed':
        this.director.noticed(telling.fault, telling.atUs)
        break
      case 'fenced':
        this.recorder.machines.lost(member, telling.atUs)
    }
  }

  private begin(phase: string, startUs: number): void {
    if (!this.begun.has(phase)) this.phases.begin(phase, startUs)
    this.begun.add(phase)
  }

  /** Of the agent whose measure was longest: agents that ended the run by themselves did so each in its own second. */
  private pieces(): readonly Window[] {
    const lengths = this.chronicles.map(({ pieces }) => pieces ?? [])
    const longest = lengths.reduce((most, pieces) => ((pieces.at(-1)?.endUs ?? 0) > (most.at(-1)?.endUs ?? 0) ? pieces : most), [])
    if (longest.length > 0 || this.originUs === Number.POSITIVE_INFINITY) return longest
    // Nobody came to account: measure is what was measured.
    const startUs = this.originUs + this.plan.phases.warmUpUs
    return [{ originUs: this.originUs, startUs, endUs: Math.max(startUs, Math.min(this.measureEndUs, this.nowUs)) }]
  }

  /** The accounts as the agents took them, asked for as a controller asks. */
  private accounts(pieces: readonly Window[]): Accounts {
    const { chronicles, plan } = this
    const { run, unixEpochMs } = chronicles[0]!.assignment
    const files = chronicles[0]!.files
    const around = { plan, run, endpoints: [], sourceAddresses: [], files, unixEpochMs, near: null }
    const answers = {
      facts: () => chronicles.map(({ publisherFacts }) => ({ type: 'facts', facts: publisherFacts, unsentOfOurs: 0 })),
      account: () => chronicles.map((chronicle) => chronicle.accountOf(pieces)),
    }
    return new Accounts(around, { ask: async (_, type) => answers[type as keyof typeof answers]() as never })
  }

  private losses(): string[] {
    const { chronicles } = this
    const { agents } = chronicles[0]!.assignment
    const missing = agents.filter((agent) => chronicles.every((chronicle) => chronicle.agent !== agent))
    const isForsaken = chronicles.some(({ ending }) => ending === CONTROLLER_GONE)
    return [
      ...(isForsaken ? [FORSAKEN] : []),
      ...missing.map((agent) => `the journal of agent ${agent} is missing, and with it all that its clients did`),
      ...chronicles.flatMap(({ agent, losses, ending, lastUs }, i) => {
        if (ending === undefined) this.recorder.machines.lost(i, lastUs)
        return [
          ...losses.map((loss) => `agent ${agent}: ${loss}`),
          ...(ending === undefined ? [`agent ${agent} ended early: its journal ends ${formatDuration(lastUs)} after the start`] : []),
          ...(typeof ending === 'string' && ending !== CONTROLLER_GONE ? [`agent ${agent} left the run before its end: ${ending}`] : []),
        ]
      }),
    ]
  }
}

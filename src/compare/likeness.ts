/**
 * Whether two sets of runs can be compared: the same load, made by the same tool on the same class of machine, against the same kind of broker, by
 * runs that can be trusted. Each rule has a name, by which it can be let pass; what was let pass is said in the result.
 */
import type { HostFacts, Report } from '../report/types.ts'
import { formatBytes, formatCount } from '../units.ts'
import type { Run } from './runs.ts'
import type { Likeness } from './types.ts'

/** A rule that the runs don't keep, and in words how. */
export interface Unlikeness {
  readonly rule: Likeness
  readonly words: string
}

/** What they should have in common. */
interface Trait {
  readonly rule: Likeness
  readonly what: string
  /** What two runs must not differ in: in words, by a name of its own where there are several of it; a name that is absent is no difference. */
  readonly of: (report: Report, first: Report) => Readonly<Record<string, string>>
}

const TRAITS: readonly Trait[] = [
  { rule: 'scenario', what: 'loads (scenario, seed, scale or duration)', of: ({ run }) => ({ hash: run.scenarioHash }) },
  { rule: 'version', what: 'versions of mqtt-scale', of: ({ host }) => ({ tool: host.tool }) },
  { rule: 'host', what: 'machines', of: hostClass },
  { rule: 'broker', what: 'brokers', of: brokers },
]
/** Machines of one type differ by what their firmware takes. */
const MEMORY_SHARE = 0.1

interface Party {
  readonly name: string
  readonly runs: readonly Run[]
}

/**
 * What stands in the way of comparing them; empty: nothing.
 *
 * @param candidate  empty: the runs of the base are compared with each other
 * @param between    what the sides may differ in, since it is what is compared; within a side it has to be one
 */
export function unlikenessesOf(base: readonly Run[], candidate: readonly Run[], between: readonly Likeness[] = []): Unlikeness[] {
  const runs = [...base, ...candidate]
  const parties: Party[] =
    candidate.length === 0
      ? [{ name: 'runs', runs }]
      : [
          { name: 'base', runs: base },
          { name: 'candidate', runs: candidate },
        ]
  const differing = TRAITS.flatMap((trait) =>
    between.includes(trait.rule) ? parties.flatMap((party) => differences(trait, [party])) : differences(trait, parties),
  )
  const untrusted = runs
    .filter(({ report }) => !isTrusted(report))
    .map(
      ({ path, report }): Unlikeness => ({
        rule: 'invalid',
        words: `${path} is ${report.status}: ${report.reasons[0] ?? 'no reason given'}`,
      }),
    )
  return [...differing, ...untrusted]
}

/** Whether its figures may be held against those of others. */
export function isTrusted({ status }: Report): boolean {
  return status === 'passed' || status === 'failed'
}

function differences({ rule, what, of }: Trait, parties: readonly Party[]): Unlikeness[] {
  const runs = parties.flatMap((party) => party.runs)
  const first = runs[0]!.report
  const names = new Set(runs.flatMap(({ report }) => Object.keys(of(report, first))))
  return [...names].flatMap((name): Unlikeness[] => {
    const valueIn = ({ report }: Run) => of(report, first)[name]
    const values = [...new Set(runs.map(valueIn).filter((value) => value !== undefined))]
    if (values.length < 2) return []
    const shown = values.map((value) => `${value} (${whose(parties, (run) => valueIn(run) === value)})`)
    return [{ rule, words: `the runs have different ${what}: ${shown.join(', ')}` }]
  })
}

/** `base`, `2 of candidate`. */
function whose(parties: readonly Party[], has: (run: Run) => boolean): string {
  const parts = parties.flatMap(({ name, runs }) => {
    const count = runs.filter(has).length
    return count === 0 ? [] : [count === runs.length ? name : `${formatCount(count)} of ${name}`]
  })
  return parts.join(', ')
}

/** Cores, memory and kernel series, and how the load is made there: not the machine itself. With agents, theirs. */
function hostClass({ host, generator }: Report, first: Report): Record<string, string> {
  const hosts = generator.agents.length === 0 ? [host] : generator.agents.map((agent) => agent.host)
  const classes = hosts.map((one) => classOf(one, first.host)).sort()
  const kinds = [...new Set(classes)].map((kind) =>
    hosts.length === 1 ? kind : `${classes.filter((one) => one === kind).length} × ${kind}`,
  )
  const { transport, workers, processes } = generator
  return { machine: kinds.join(', '), generator: `${transport}, workers ${formatCount(workers)}, processes ${formatCount(processes)}` }
}

function classOf({ cores, memoryBytes, kernel }: HostFacts, first: HostFacts): string {
  const isAlike = Math.abs(memoryBytes - first.memoryBytes) <= MEMORY_SHARE * first.memoryBytes
  const memory = formatBytes(isAlike ? first.memoryBytes : memoryBytes)
  return `${cores} ${cores === 1 ? 'core' : 'cores'}, ${memory}, kernel ${/^\d+\.\d+/.exec(kernel)?.[0] ?? kernel}`
}

/** Whose they are, and of each node what it says that it is. */
function brokers({ nodes, plan }: Report): Record<string, string> {
  const said = Object.entries(nodes).flatMap(([name, { broker }]) => (broker?.software ? [[`node ${name}`, broker.software]] : []))
  return { kind: plan.embedded ? 'the embedded one' : 'yours', ...Object.fromEntries(said) }
}

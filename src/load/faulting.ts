/**
 * Faults, and the parts of measure that hang on them: from what is written to the plan, and what can be wrong with it.
 *
 * What the plan is made of is total, as in build.ts: names that don't exist are left to the checks. A fault may wait for one that stands
 * after it; when it begins at the earliest is known all the same, and one that could only begin when measure is as good as over is wrong.
 */
import { formatDuration, US_PER_S } from '../units.ts'
import type { Report } from './check.ts'
import type { ScenarioFault, ScenarioMeasure } from './fault-schema.ts'
import { suggest } from './nearest.ts'
import { EMBEDDED_NODE } from './nodes.ts'
import type { DropPlan, FaultPlan, GroupPlan, LevelPlan, NodePlan, PhasesPlan, Plan } from './plan.ts'
import type { Scenario } from './schema.ts'
import { variablesOf } from './template.ts'
import { templatesOf } from './tree.ts'

/** A fault leaves so much of measure behind its beginning: windows are whole seconds, and workers are told ahead of it. */
const SHORTEST_US = US_PER_S

export function faultsOf(faults: readonly ScenarioFault[], groups: readonly GroupPlan[], nodes: readonly NodePlan[]): FaultPlan[] {
  const indexOf = (name: string) =>
    Math.max(
      0,
      faults.findIndex((fault) => fault.name === name),
    )
  return faults.map((fault, index) => ({
    name: fault.name,
    index,
    trigger: fault.after
      ? { kind: 'after', fault: indexOf(fault.after.fault), is: fault.after.is, waitUs: fault.after.wait }
      : { kind: 'at', atUs: fault.at ?? 0 },
    exec: fault.exec ?? null,
    drop: dropOf(fault, groups, namesOf(nodes)),
  }))
}

function dropOf(fault: ScenarioFault, groups: readonly GroupPlan[], nodes: readonly string[]): DropPlan | null {
  if (fault.drop === undefined) return null
  const { groups: named, where = {}, nodes: on, share = 1 } = fault.clients ?? {}
  const isStruck = (group: GroupPlan) => (named ? named.includes(group.name) : levelsNotUsed(group, Object.keys(where)).length === 0)
  return {
    how: fault.drop,
    groups: groups.filter(isStruck).map(({ index }) => index),
    where,
    nodes: on ? [...nodes.keys()].filter((node) => on.includes(nodes[node]!)) : null,
    share,
    forUs: fault.for ?? 0,
    return: fault.return ? { overS: fault.return.over / 1e6, arrival: fault.return.arrival } : null,
  }
}

/** @param durationUs  of --duration: it can't say how long each stretch is to be, so those keep their lengths and are refused */
export function measureOf(
  measure: ScenarioMeasure,
  durationUs: number | null,
): Pick<PhasesPlan, 'measureUs' | 'untilRecovered' | 'stretches'> {
  const plain = { untilRecovered: null, stretches: [] }
  if (typeof measure === 'number') return { measureUs: durationUs ?? measure, ...plain }
  if ('stretches' in measure) {
    const stretches = measure.stretches.map(([name, lengthUs]) => ({ name, lengthUs }))
    return { ...plain, measureUs: durationUs ?? stretches.reduce((sum, { lengthUs }) => sum + lengthUs, 0), stretches }
  }
  if (durationUs !== null) return { measureUs: durationUs, ...plain }
  return { ...plain, measureUs: measure.maxUs, untilRecovered: { minUs: measure.minUs } }
}

/** The windows that the report of a plan may have. */
export function windowNames({ phases, faults }: Pick<Plan, 'phases' | 'faults'>): string[] {
  return [...phases.stretches.map(({ name }) => name), ...faults.flatMap(({ name }) => windowsOf(name))]
}

function windowsOf(fault: string): string[] {
  return [`${fault}-before`, `${fault}-during`, `${fault}-after`]
}

export function checkFaults({ faults }: Scenario, plan: Plan, report: Report): void {
  const names = faults.map(({ name }) => name)
  for (const [i, { name, after }] of faults.entries()) {
    if (names.indexOf(name) < i) report(['faults', i, 'name'], `two faults are called ${name}`)
    const others = names.filter((other) => other !== name)
    if (after && !names.includes(after.fault))
      report(['faults', i, 'after', 'fault'], `unknown fault ${after.fault}`, suggest(after.fault, others))
    checkClients(faults[i]!, i, plan, report)
  }
  checkTimes(faults, plan, report)
  checkMeasure(plan, report)
}

function checkClients({ clients }: ScenarioFault, i: number, plan: Plan, report: Report): void {
  const drop = plan.faults[i]!.drop
  if (!clients || !drop) return
  const path = ['faults', i, 'clients']
  const known = { groups: plan.groups.map(({ name }) => name), nodes: namesOf(plan.nodes) }
  for (const key of ['groups', 'nodes'] as const) {
    for (const [j, name] of (clients[key] ?? []).entries()) {
      if (!known[key].includes(name)) report([...path, key, j], `unknown ${key.slice(0, -1)} ${name}`, suggest(name, known[key]))
    }
  }
  const levels = plan.levels.map(({ name }) => name)
  for (const [name, value] of Object.entries(clients.where)) {
    const level = plan.levels.find((other) => other.name === name)
    if (!level) report([...path, 'where', name], `unknown level ${name}`, suggest(name, levels), 'key')
    else if (!hasValue(level, value)) {
      const hint = level.values ? suggest(value, level.values) : `they are ${name}-1 to ${name}-${level.count}`
      report([...path, 'where', name], `the level has no value ${value}`, hint)
    }
  }
  const wanted = Object.keys(clients.where).filter((name) => levels.includes(name))
  const inBraces = (names: readonly string[]) => names.map((name) => `{${name}}`).join(' and ')
  if (clients.groups === undefined) {
    const isNobody = plan.groups.every((group) => levelsNotUsed(group, wanted).length > 0)
    if (isNobody) report([...path, 'where'], `no group has templates that use ${inBraces(wanted)}`, undefined, 'key')
    return
  }
  for (const index of drop.groups) {
    const group = plan.groups[index]!
    const unused = levelsNotUsed(group, wanted)
    if (unused.length > 0)
      report([...path, 'where', unused[0]!], `no template of group ${group.name} uses ${inBraces(unused)}`, undefined, 'key')
  }
}

/** Faults that wait for each other, and those that could begin only when measure is over. */
function checkTimes(faults: readonly ScenarioFault[], plan: Plan, report: Report): void {
  const { measureUs } = plan.phases
  const lasts = `measure, which lasts ${formatDuration(measureUs)}`
  const isLate = (us: number) => us > measureUs - SHORTEST_US
  const whyLate = (us: number) =>
    us >= measureUs ? `is not within ${lasts}` : `leaves less than ${formatDuration(SHORTEST_US)} of ${lasts}`
  const before = (i: number) => faults.findIndex(({ name }) => name === faults[i]!.after?.fault)
  for (const [i, { after, at }] of faults.entries()) {
    if (after === undefined) {
      if (isLate(at!)) report(['faults', i, 'at'], `${formatDuration(at!)} ${whyLate(at!)}`)
      continue
    }
    const chain = [i]
    while (!chain.includes(before(chain.at(-1)!)) && before(chain.at(-1)!) >= 0) chain.push(before(chain.at(-1)!))
    const last = faults[chain.at(-1)!]!
    if (last.after === undefined) {
      const [own, waitedFor] = [0, 1].map((from) => earliest(chain.slice(from).map((index) => faults[index]!)))
      const words = `begins after ${formatDuration(own!)} at the earliest: that ${whyLate(own!)}`
      if (isLate(own!) && !isLate(waitedFor!)) report(['faults', i, 'after'], words)
    } else if (last.after.fault === faults[i]!.name && i === Math.min(...chain)) {
      const ring = chain.length === 1 ? '' : `: ${[...chain, i].map((index) => faults[index]!.name).join(' after ')}`
      report(['faults', i, 'after', 'fault'], `waits for itself${ring}`)
    }
  }
}

/** @param chain  a fault, the one it waits for, and so on to one with `at`; µs from the start of measure */
function earliest([fault, ...rest]: readonly ScenarioFault[]): number {
  const [next] = rest
  if (next === undefined) return fault!.at!
  const { is, wait } = fault!.after!
  return earliest(rest) + wait + (is === 'ended' ? (next.for ?? 0) + (next.return?.over ?? 0) : 0)
}

function checkMeasure({ phases, faults }: Plan, report: Report): void {
  const path = ['phases', 'measure']
  if (phases.untilRecovered !== null && faults.length === 0)
    report([...path, 'until'], 'the scenario has no faults to recover from', 'give faults, or a length such as 30s')
  const lengthUs = phases.stretches.reduce((sum, stretch) => sum + stretch.lengthUs, 0)
  if (phases.stretches.length > 0 && lengthUs !== phases.measureUs) {
    const hint = 'leave --duration out, or give it with --set phases.measure'
    report(path, `--duration ${formatDuration(phases.measureUs)} does not say how long each stretch is`, hint)
  }
  for (const { name } of phases.stretches) {
    const fault = faults.find((other) => windowsOf(other.name).includes(name))
    if (fault) report([...path, name], `is also a window of fault ${fault.name}`, 'give it another name', 'key')
  }
}

/** Clients of the group have no value of these levels: they would be struck by nothing. */
function levelsNotUsed(group: GroupPlan, levels: readonly string[]): string[] {
  const used = new Set(templatesOf(group).flatMap(variablesOf))
  return levels.filter((level) => !used.has(level))
}

function hasValue({ name, count, values }: LevelPlan, value: string): boolean {
  if (values) return values.includes(value)
  const number = value.startsWith(`${name}-`) ? value.slice(name.length + 1) : ''
  return /^[1-9]\d*$/.test(number) && Number(number) <= count
}

function namesOf(nodes: readonly NodePlan[]): string[] {
  return nodes.length === 0 ? [EMBEDDED_NODE] : nodes.map(({ name }) => name)
}

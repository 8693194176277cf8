/**
 * What is wrong with where a scenario wants its clients: nodes that don't exist, zones that no node is in, crossing with nothing to cross.
 *
 * A placement of the whole scenario is judged for each group that has none of its own, and what is wrong with it is said once.
 */
import type { Report } from './check.ts'
import type { Path } from './document.ts'
import { suggest } from './nearest.ts'
import { NEEDS_BROKER } from './nodes.ts'
import { nodesInZone } from './placement.ts'
import type { GroupPlan, Plan } from './plan.ts'
import type { Scenario } from './schema.ts'
import { variablesOf } from './template.ts'
import { levelValue } from './tree.ts'

const NEEDS_BROKERS = 'give --broker twice or more, or several brokers in the scenario'

export function checkPlacements(scenario: Scenario, plan: Plan, report: Report): void {
  const isInherited = (group: GroupPlan) => scenario.groups[group.name]!.placement === undefined
  checkPlacement(scenario.placement, ['placement'], plan.groups.filter(isInherited), plan, report)
  for (const group of plan.groups) {
    const { placement } = scenario.groups[group.name]!
    const path: Path = ['groups', group.name, 'placement']
    if (placement !== undefined) checkPlacement(placement, path, [group], plan, report)
    if (group.placement.kind !== 'crossNode') continue
    if (placement !== undefined && group.subscribe.length === 0) {
      report([...path, 'crossNode'], 'the group subscribes to nothing', 'give it to the group that listens')
    }
    for (const [i, { filter }] of group.subscribe.entries()) {
      const words = 'crossNode puts a client by what its filters match, so they can’t have {node}'
      if (needsNode(filter, group)) report(['groups', group.name, 'subscribe', i, 'filter'], words)
    }
  }
}

function checkPlacement(placement: Scenario['placement'], path: Path, groups: readonly GroupPlan[], plan: Plan, report: Report): void {
  if (typeof placement === 'string') return
  if (Array.isArray(placement)) {
    const names = plan.nodes.map((node) => node.name)
    for (const [i, name] of placement.entries()) {
      if (!names.includes(name)) report([...path, i], `unknown node ${name}`, plan.embedded ? NEEDS_BROKER : suggest(name, names))
    }
  } else if (placement.crossNode !== undefined) {
    if (plan.nodes.length < 2) report([...path, 'crossNode'], 'needs two nodes or more', NEEDS_BROKERS)
  } else if (placement.zone !== undefined) {
    checkZone(placement.zone, placement.else === 'any', [...path, 'zone'], groups, plan, report)
  }
}

/** Whether a template of the group has {node}, be it by its client id. */
function needsNode(template: string, group: GroupPlan): boolean {
  return variablesOf(template.replaceAll('{clientId}', group.clientId)).includes('node')
}

function checkZone(zone: string, isElseAny: boolean, path: Path, groups: readonly GroupPlan[], plan: Plan, report: Report): void {
  const known = [...plan.levels.map((level) => level.name), 'group']
  const unknown = variablesOf(zone).filter((name) => !known.includes(name))
  for (const name of new Set(unknown)) report(path, `{${name}} is no level of topics, nor {group}`, suggest(name, known))
  if (unknown.length > 0 || isElseAny) return
  const lost = groups.map((group) => valueWithoutNode(zone, group, plan)).find((value) => value !== null)
  if (lost === undefined || lost === null) return
  const zones = [...new Set(plan.nodes.flatMap((node) => node.zone ?? []))]
  const hint = plan.embedded ? NEEDS_BROKER : `zones: ${zones.join(', ') || 'none'}; with else: any such clients go to any node`
  report(path, `no node is in zone ${lost}`, hint)
}

/** The first value that the zone of some client of the group may have, and no node has; null: there is none. */
function valueWithoutNode(zone: string, group: GroupPlan, plan: Plan): string | null {
  const levels = plan.levels.filter(({ name }) => variablesOf(zone).includes(name))
  const isUsed = (name: string, value: number) => {
    const ends = group.spread[name]
    return ends === undefined || ends[value]! > (ends[value - 1] ?? 0)
  }
  const search = (text: string, rest: typeof levels): string | null => {
    const [level, ...others] = rest
    if (level === undefined) return nodesInZone(plan.nodes, text).length > 0 ? null : text
    for (let value = 0; value < level.count; value++) {
      if (!isUsed(level.name, value)) continue
      const lost = search(text.replaceAll(`{${level.name}}`, levelValue(level, value)), others)
      // Few values can have a node, as each is the beginning of a zone: the search is a short one.
      if (lost !== null) return lost
    }
    return null
  }
  return search(zone.replaceAll('{group}', group.name), levels)
}

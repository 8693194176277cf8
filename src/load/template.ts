/**
 * Text templates: topics, filters, client ids, user names and the like, with variables in braces.
 *
 * A variable is a level of the topic tree, `{client}`, `{clientId}`, `{group}`, `{run}` or `{node}` (where the client connects
 * first). A brace that does not open a variable is an ordinary character. The scenario has been checked: an unknown variable here
 * is a bug of ours.
 */
import { assert } from '../errors.ts'
import { Placer } from './placement.ts'
import type { GroupPlan, Plan } from './plan.ts'
import { levelValue, Tree, UNUSED } from './tree.ts'

const VARIABLE = /\{([A-Za-z0-9_-]{1,32})\}/g

/** A template taken apart: strings stand for themselves, functions for a variable of a client. */
type Part = string | ((client: number) => string)

export class Renderer {
  private readonly plan: Plan
  private readonly group: GroupPlan
  private readonly run: string
  private readonly tree: Tree
  /** Made when a template asks for {node}: a placement may need templates itself. */
  private placer: Placer | null = null
  private readonly compiled = new Map<string, readonly Part[]>()
  /** Levels of the client last asked for: its templates are mostly rendered one after the other. */
  private last = { client: -1, values: [] as readonly number[] }

  /** @param run  the run's six characters */
  constructor(plan: Plan, group: GroupPlan, run: string) {
    this.plan = plan
    this.group = group
    this.run = run
    this.tree = new Tree(plan, group)
  }

  /** The text for a client of the group, by its index in it. */
  render(template: string, client: number): string {
    let parts = this.compiled.get(template)
    if (!parts) this.compiled.set(template, (parts = this.compile(template)))
    let text = ''
    for (const part of parts) text += typeof part === 'string' ? part : part(client)
    return text
  }

  private compile(template: string): Part[] {
    // A split by a pattern with one group alternates between text and names.
    return template.split(VARIABLE).map((piece, i) => (i % 2 === 0 ? piece : this.variable(piece, template)))
  }

  private variable(name: string, template: string): Part {
    if (name === 'client') return (client) => String(client)
    if (name === 'group') return this.group.name
    if (name === 'run') return this.run
    if (name === 'node') {
      const placer = (this.placer ??= new Placer(this.plan, this.group))
      return (client) => this.plan.nodes[placer.nodeOf(client, 0)]!.name
    }
    if (name === 'clientId') {
      assert(template !== this.group.clientId, 'a client id does not contain itself')
      return (client) => this.render(this.group.clientId, client)
    }
    const index = this.plan.levels.findIndex((level) => level.name === name)
    assert(index >= 0, `{${name}} is a variable`)
    return (client) => this.levelText(index, client)
  }

  private levelText(index: number, client: number): string {
    if (this.last.client !== client) this.last = { client, values: this.tree.values(client) }
    const value = this.last.values[index]!
    assert(value !== UNUSED, 'a level that a template uses has a value')
    return levelValue(this.plan.levels[index]!, value)
  }
}

/** Names of a template's variables in order of appearance, as often as they appear; whether they exist is not asked. */
export function variablesOf(template: string): string[] {
  return Array.from(template.matchAll(VARIABLE), (match) => match[1]!)
}

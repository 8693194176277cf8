/**
 * What is said where on NATS. Every subject but the call names an agent in its last part, so that a user of the server can be limited to its own.
 */

/** Names of agents: one token of a subject. */
export const AGENT_ID = /^[A-Za-z0-9_-]{1,32}$/

/** Names of runs: what newName makes. They stand in paths too. */
export const RUN_NAME = /^[0-9a-z]{6}$/

/** Controller: who is there? Agents answer with a `Hello`. */
export const CALL = 'ms.call'

/** Controller to one agent: requests of `Order`, in parcels. */
export function agentSubject(agent: string): string {
  return `ms.agent.${agent}`
}

/** Agent to controller: its pulse, once a second. `*`: of all agents. */
export function pulseSubject(run: string, agent: string): string {
  return `ms.ctl.${run}.${agent}`
}

/** Agent to the run's stream: what it tells. `*`: of all agents. */
export function tellSubject(run: string, agent: string): string {
  return `ms.tell.${run}.${agent}`
}

export function streamName(run: string): string {
  return `MS_${run}`
}

/** The bucket of runs: for each its state, and its plan in pieces; see runs.ts. */
export const BUCKET = 'MS_RUNS'

export function stateKey(run: string): string {
  return `${run}.state`
}

export function planKey(run: string, piece: number): string {
  return `${run}.plan.${piece}`
}

/** What an agent without a controller tells the others. Piece 0 says how many follow. */
export function factsKey(run: string, agent: string, piece: number): string {
  return `${run}.facts.${agent}.${piece}`
}

/** The last part of a subject. */
export function agentOf(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1)
}

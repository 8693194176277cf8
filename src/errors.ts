/**
 * Every error that a user can meet. A broker's misbehaviour is not here: that is data in the report.
 *
 * A message says where, what was wrong and what was got; the hint says what to do. Codes are stable: scripts match them.
 * `assert` is for our own impossible states: it ends the run with exit 1 and a stack.
 */
export abstract class MqttScaleError extends Error {
  abstract readonly code: string
  /** What the process exits with when this error ends it. */
  abstract readonly exitCode: number
  readonly hint: string | undefined

  constructor(message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, { cause: options.cause })
    this.name = new.target.name
    this.hint = options.hint
  }
}

/** A place in a file, as editors count: the first line and column are 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One thing that is wrong in a scenario. */
export interface Problem {
  /** Absent for values that came from the command line. */
  readonly place?: Place | undefined
  /** Path of the value, as a user would write it with --set. */
  readonly path: string
  readonly problem: string
  readonly hint?: string | undefined
}

/** What a user writes. */
export type FileKind = 'scenario' | 'target'

/**
 * The scenario, or the target of a size, is wrong; nothing was started. Lists every problem found, one a line.
 *
 * @example factory.yaml:14:7 groups.sensors.connect.rate: must be above 0, got -5/s
 */
export class ScenarioError extends MqttScaleError {
  readonly code = 'SCENARIO'
  readonly exitCode = 2
  readonly problems: readonly Problem[]
  readonly what: FileKind

  constructor(problems: readonly Problem[], hint?: string, what: FileKind = 'scenario') {
    super(problems.map(formatProblem).join('\n'), { hint })
    this.problems = problems
    this.what = what
  }
}

/** The command line is wrong; nothing was started. */
export class UsageError extends MqttScaleError {
  readonly code = 'USAGE'
  readonly exitCode = 2
}

/** This machine, a file or the target stands in the way; no load was started. */
export class EnvironmentError extends MqttScaleError {
  readonly code = 'ENVIRONMENT'
  readonly exitCode = 2
}

/** What is wanted is more than this machine has. */
export class TooSmallError extends EnvironmentError {}

/** Somebody ended it before there was anything to report. */
export class Interrupted extends MqttScaleError {
  readonly code = 'INTERRUPTED'
  readonly exitCode = 130
}

/** `path: problem`, with the place before it and the hint behind it where they are known. */
function formatProblem(p: Problem): string {
  const where = p.place ? `${p.place.file}:${p.place.line}:${p.place.column} ` : ''
  return `${where}${p.path}: ${p.problem}${p.hint ? ` (${p.hint})` : ''}`
}

/** States that cannot be. A failure here is a bug of ours, never a user's or a broker's. */
export function assert(condition: boolean, words: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${words}`)
}

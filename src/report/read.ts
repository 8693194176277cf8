/**
 * Reads a report back.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { type NodeFigures, REPORT_SCHEMA, type Report } from './types.ts'

/** What nothing can be made without. */
const PARTS = [
  'run',
  'status',
  'clients',
  'publishes',
  'deliveries',
  'endToEndUs',
  'ackUs',
  'connectUs',
  'groups',
  'qos',
  'timeline',
  'generator',
  'thresholds',
  'host',
  'plan',
  'nodes',
] as const

/** @param path  of a report folder, or of its report.json. @throws UsageError  there is none, it is damaged, or it is of another version */
export function readReport(path: string): Report {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, 'report.json') : path
  const hint = 'name a report folder, or a report.json'
  let report: Partial<Report>
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new UsageError(code === undefined ? `${file} is not JSON` : `can't read ${file} (${code})`, { cause, hint })
  }
  const schema = String(report?.schema)
  if (schema !== REPORT_SCHEMA) {
    if (!schema.startsWith('mqtt-scale/')) throw new UsageError(`${file} is no report of mqtt-scale`, { hint })
    throw new UsageError(`${file} is of schema ${schema}, and this version of mqtt-scale reads ${REPORT_SCHEMA}`, {
      hint: schema.startsWith('mqtt-scale/report@') ? 'read it with the version that made it, or make the run anew' : hint,
    })
  }
  const missing = PARTS.filter((part) => typeof report[part] !== 'object' && typeof report[part] !== 'string')
  if (missing.length > 0) throw new UsageError(`${file} lacks ${missing.join(', ')}: it is not as mqtt-scale wrote it`, { hint })
  const parts = ['groups', 'faults', 'thresholds', 'gates'] as const
  const lacks = parts.filter((part) => typeof report.plan?.[part] !== 'object').map((part) => `plan.${part}`)
  if (lacks.length > 0) throw new UsageError(`${file} lacks ${lacks.join(', ')}: it is not as mqtt-scale wrote it`, { hint })
  return withAdded(report as Report)
}

/** What reports of this schema have only since: those from before had none of it. */
function withAdded({ generator, nodes, plan, ...rest }: Report): Report {
  const ofNode = ([name, { broker, ...node }]: [string, NodeFigures]) => [
    name,
    broker === undefined ? node : { ...node, broker: { ...broker, software: broker.software ?? null } },
  ]
  return {
    ...rest,
    generator: { ...ADDED, ...generator },
    nodes: Object.fromEntries(Object.entries(nodes).map(ofNode)),
    plan: { ...plan, aborts: plan.aborts ?? [] },
  }
}

const ADDED = { agents: [], clockBoundUs: null, calibration: null }

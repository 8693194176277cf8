/** `metrics` of a node, as the file may have it. */
import { z } from 'zod'
import { above0, count, exactlyOne, filled, map, oneOf, report, text } from './fields.ts'
import { COUNTERS, GAUGES, isHttp, MAPPINGS, type Need } from './metrics-source.ts'
import type { MetricsSource } from './plan.ts'
import { parseSelector } from './selector.ts'

const url = text.refine(isHttp, 'expected a URL such as http://127.0.0.1:15692/metrics')

const selector = text.refine((written) => parseSelector(written) !== null, 'expected a metric such as my_metric or my_metric{label="x"}')

const own = map(Object.fromEntries([...GAUGES, ...COUNTERS].map((need) => [need, selector.optional()])) as NeedFields).refine(
  (value) => Object.keys(value).length > 0,
  'needs at least one metric',
)
type NeedFields = Record<Need, z.ZodOptional<typeof selector>>

const source = map({
  prometheus: url.describe('URL of a Prometheus endpoint').optional(),
  as: oneOf(...MAPPINGS)
    .describe('Whose metrics those are; default: found out from their names')
    .optional(),
  map: own.describe('Names of the metrics, where the broker is none of the known: {connections: my_metric}').optional(),
  sys: z.literal(true, { error: 'expected true' }).describe('Its $SYS topics, over MQTT').optional(),
  nats: url.describe('URL of the monitoring of a NATS server: http://HOST:8222').optional(),
  pid: above0(count).describe('Its process, where it runs on the machine of the controller (Linux)').optional(),
  pidFile: filled.describe('The file with the number of its process').optional(),
}).superRefine((value, context) => {
  exactlyOne(['prometheus', 'sys', 'nats', 'pid', 'pidFile'])(value, context)
  for (const key of ['as', 'map'] as const)
    if (value[key] !== undefined && value.prometheus === undefined) report(context, [key], 'needs prometheus', { at: 'key' })
  if (value.as !== undefined && value.map !== undefined) report(context, ['map'], 'has no meaning with as', { at: 'key' })
})

export const metrics = z
  .union([source, z.array(source).min(1, 'needs at least one source')], {
    error: 'expected a map such as {prometheus: "http://127.0.0.1:15692/metrics"}, or a list of them',
  })
  .transform((value): readonly MetricsSource[] => [value].flat().map(sourceOf))

function sourceOf({ prometheus, as, map: names, sys, nats, pid, pidFile }: z.output<typeof source>): MetricsSource {
  if (prometheus !== undefined) return { kind: 'prometheus', url: prometheus, as: as ?? null, map: names ?? null }
  if (nats !== undefined) return { kind: 'nats', url: nats }
  if (sys) return { kind: 'sys' }
  return pidFile === undefined ? { kind: 'pid', pid: pid! } : { kind: 'pidFile', path: pidFile }
}

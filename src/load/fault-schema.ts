/**
 * Faults as the scenario file has them, and the three forms of `measure`: a length, named stretches, or until the last fault is recovered.
 */
import { z } from 'zod'
import { above0, between, duration, exactlyOne, filled, levelValue, map, name, notNegative, oneOf, report, share, text } from './fields.ts'

const clients = map({
  groups: z
    .array(text, { error: 'expected a list of groups' })
    .min(1, 'needs at least one group')
    .describe('Default: all, or those that use the levels of where')
    .optional(),
  where: z
    .record(z.string(), levelValue, { error: 'expected a map such as {region: eu}' })
    .describe('Those with these values of topic levels')
    .prefault({}),
  nodes: z
    .array(text, { error: 'expected a list of nodes' })
    .min(1, 'needs at least one node')
    .describe('Those that are on these nodes when the fault begins; default: any')
    .optional(),
  share: above0(between(share, 0, 1, '0% to 100%'))
    .describe('Of each group’s clients')
    .prefault('100%'),
})

const comeBack = map({
  over: notNegative(duration).describe('The time in which all of them come back').prefault('0s'),
  arrival: oneOf('uniform', 'poisson', 'beta').describe('How they are spread over it').prefault('uniform'),
})

const fault = map({
  name: name.describe('Of the fault in the report'),
  at: notNegative(duration).describe('When it begins, from the start of measure').optional(),
  after: map({
    fault: filled.describe('Name of the other fault'),
    is: oneOf('ended', 'detected', 'restored', 'recovered').describe('What the other one has come to'),
    wait: notNegative(duration).describe('So long after that').prefault('0s'),
  })
    .describe('It begins after a moment of another fault')
    .optional(),
  exec: filled.describe('A command line for sh, in the scenario’s folder; needs --allow-exec').optional(),
  drop: oneOf('disconnect', 'reset', 'silent', 'stopReading').describe('What becomes of clients’ connections').optional(),
  clients: clients.describe('With drop: whose; default: everybody’s').optional(),
  for: above0(duration).describe('With drop: how long no attempt succeeds, or nothing is read').optional(),
  return: comeBack.describe('With for: how they come back after it; default: each at its next attempt').optional(),
}).superRefine((value, context) => {
  exactlyOne(['at', 'after'])(value, context)
  if (value.drop === undefined) {
    if (value.exec === undefined) report(context, [], 'needs exec, drop, or both: it does nothing')
    for (const key of ['clients', 'for', 'return'] as const)
      if (value[key] !== undefined) report(context, [key], 'needs drop', { at: 'key' })
  } else if (value.drop === 'stopReading') {
    if (value.for === undefined) report(context, ['drop'], 'stopReading needs for: how long nothing is read')
    if (value.return !== undefined) report(context, ['return'], 'has no meaning with stopReading: nobody is away', { at: 'key' })
  } else if (value.return !== undefined && value.for === undefined) {
    report(context, ['return'], 'needs for: how long they are away', { at: 'key' })
  }
})

export const faults = z.array(fault, { error: 'expected a list' }).describe('What goes wrong, and when')

export type ScenarioFault = z.output<typeof fault>

/** These say how long measure lasts at least and at most: no stretch is called so. */
const BOUNDS = ['min', 'max', 'until']
const LENGTH = 'expected a duration such as 250ms, 30s, 5m or 2h'

/** One map for stretches and for bounds: which of the two is meant shows in its keys. */
const parts = z
  .object({
    min: above0(duration).describe('With until: it lasts so long at least').optional(),
    max: above0(duration).describe('With until: it lasts so long at most').optional(),
    until: z.literal('recovered', { error: 'expected recovered' }).describe('recovered: it ends when every fault is').optional(),
  })
  .catchall(above0(duration).refine((us) => us % 1e6 === 0, 'must be whole seconds'))
  .superRefine((value, context) => {
    const { min, max, until } = value
    const names = Object.keys(value).filter((key) => !BOUNDS.includes(key))
    if (until === undefined) {
      for (const key of ['min', 'max']) if (value[key] !== undefined) report(context, [key], 'needs until: recovered', { at: 'key' })
      for (const key of names) {
        const problem = name.safeParse(key).error?.issues[0]?.message
        if (problem !== undefined) report(context, [key], `the name ${problem}`, { at: 'key' })
        // Keys that are numbers lose their order.
        else if (/^\d+$/.test(key)) report(context, [key], 'the name can’t be a number', { at: 'key' })
      }
      return
    }
    for (const key of names) report(context, [key], 'has no meaning with until', { at: 'key' })
    for (const key of ['min', 'max']) if (value[key] === undefined) report(context, [key], LENGTH)
    if (min !== undefined && max !== undefined && max < min) report(context, ['max'], 'must not be below min')
  })
  .refine((value) => Object.keys(value).length > 0, 'needs at least one stretch')
  .transform(({ min, max, until, ...stretches }) =>
    until === undefined ? { stretches: Object.entries(stretches) as [string, number][] } : { minUs: min!, maxUs: max! },
  )

export const measure = z
  .union([notNegative(duration), parts], {
    error: 'expected a duration such as 30s, stretches such as {calm: 20m, storm: 10m}, or {min: 10m, max: 60m, until: recovered}',
  })
  .describe('What the report is about: 30s, {NAME: 20m, NAME: 10m}, or {min: 10m, max: 60m, until: recovered}')

export type ScenarioMeasure = z.output<typeof measure>

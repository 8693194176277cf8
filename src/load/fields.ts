/**
 * What the scenario's schema is made of: quantities with units, texts, maps that know their keys.
 *
 * Each field judges its own value, in words made for users: "must be above 0", "expected a rate such as 500/s". `schema.ts` says which key is
 * which field; `scenario.ts` turns zod's issues into problems with a place. The same objects give the JSON Schema that editors complete from.
 */
import { z } from 'zod'
import { type Parsed, parseBytes, parseCount, parseDuration, parseRate, parseShare } from '../units.ts'

/** What an issue may say beside its message. `at: 'key'`: the key is wrong, not the value. */
export interface IssueParams {
  readonly hint?: string
  readonly at?: 'key'
}

type Context = z.core.$RefinementCtx<unknown>

export const duration = quantity(parseDuration, 'a duration: 250ms, 30s, 5m, 2h')
export const rate = quantity(parseRate, 'a rate: 500/s, 30/m, 10k/s')
export const count = quantity(parseCount, 'a whole number: 500, 10k, 2.5M')
export const bytes = quantity(parseBytes, 'a size: 64, 64B, 1KiB')
export const share = quantity(parseShare, 'a share: 95%')

/** MQTT counts these in whole seconds, in two or four bytes. */
export const seconds = (max: number) =>
  between(duration, 0, max * 1e6, `0s to ${max}s`)
    .refine((us) => us % 1e6 === 0, 'must be whole seconds')
    .transform((us) => us / 1e6)

export const text = z.string({ error: 'expected a text (in quotes, if it looks like a number)' })
export const filled = text.min(1, 'must not be empty')
export const flag = z.boolean({ error: 'expected true or false' })
export const qos = z.union([z.literal(0), z.literal(1), z.literal(2)], { error: 'expected 0, 1 or 2' })

/** Of groups, nodes, levels and streams. */
export const name = text
  .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 characters of A-Z, a-z, 0-9, _ and -')
  .refine((word) => !(word in {}), 'is a reserved word')

/** A value of a level of `topics`. */
export const levelValue = z
  .union([text, z.number()], { error: 'expected a text' })
  .transform(String)
  .refine((value) => value !== '', 'must not be empty')
  .refine((value) => !/[/+#\0]/.test(value), 'is one level of a topic: no /, + or #')

export function oneOf<const T extends readonly [string, ...string[]]>(...words: T) {
  return z.enum(words)
}

export function above0<T extends z.ZodType<number>>(field: T) {
  return field.refine((value) => value > 0, 'must be above 0')
}

export function notNegative<T extends z.ZodType<number>>(field: T) {
  return field.refine((value) => value >= 0, 'must not be negative')
}

export function between<T extends z.ZodType<number>>(field: T, min: number, max: number, words = `${min} to ${max}`) {
  return field.refine((value) => value >= min && value <= max, `must be ${words}`)
}

/**
 * A map with these keys and no others. Its issue of unknown keys carries the known ones as JSON: zod's issues don't lead back to the schema.
 */
export function map<T extends z.core.$ZodLooseShape>(shape: T) {
  const names = JSON.stringify(Object.keys(shape))
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? names : undefined) })
}

/** Of these keys of a map, exactly one is given (or, with `orNone`, at most one). */
export function exactlyOne(keys: readonly string[], orNone = false) {
  return (value: object, context: Context) => {
    const given = keys.filter((key) => (value as Record<string, unknown>)[key] !== undefined)
    if (given.length === 1 || (orNone && given.length === 0)) return
    report(
      context,
      [],
      `needs ${orNone ? 'at most' : 'exactly'} one of ${keys.join(', ')}, has ${given.length === 0 ? 'none' : given.join(' and ')}`,
    )
  }
}

/** Shares by key, such as `{0: 80%, 1: 20%}`, that add up to 100 %. */
export function shares<T extends string>(...keys: readonly T[]) {
  const shape = Object.fromEntries(keys.map((key) => [key, notNegative(share).optional()])) as Record<T, z.ZodOptional<typeof share>>
  return map(shape).superRefine((value, context) => mustBeWhole(Object.values(value as Record<string, number | undefined>), context))
}

/** Refines a list of shares: they add up to 100 %. */
export function mustBeWhole(parts: readonly (number | undefined)[], context: Context): void {
  const sum = parts.reduce<number>((total, part) => total + (part ?? 0), 0)
  if (Math.abs(sum - 1) > 1e-9) report(context, [], `shares must add up to 100%, these are ${Number((sum * 100).toFixed(6))}%`)
}

/** `{0s: 100%, 30s: 200%}` to [timeS, factor] points. */
export const curve = z
  .record(z.string(), notNegative(share), { error: 'expected a map such as {0s: 100%, 30s: 200%}' })
  .transform((points, context) => {
    const entries = Object.entries(points)
    let lastUs = -1
    for (const [key] of entries) {
      const atUs = parseDuration(/^0+$/.test(key) ? 0 : key)
      if (typeof atUs === 'string') report(context, [key], atUs, { at: 'key' })
      else if (atUs <= lastUs)
        report(context, [key], lastUs < 0 ? 'must not be negative' : 'must be later than the point before it', { at: 'key' })
      else lastUs = atUs
    }
    if (entries.length === 0) report(context, [], 'needs at least one point')
    else if (entries.at(-1)![1] <= 0)
      report(context, [entries.at(-1)![0]], 'must end above 0: the last point holds, and nothing would be sent again')
    return entries.map(([key, factor]) => [(parseDuration(/^0+$/.test(key) ? 0 : key) as number) / 1e6, factor] as const)
  })

/** User properties: `{key: value}`, or `{key: [value, value]}` for one that is repeated. */
export const userProperties = z
  .record(z.string(), z.union([text, z.array(text)], { error: 'expected a text or a list of texts' }))
  .transform((value) => Object.entries(value).flatMap(([key, texts]) => [texts].flat().map((t) => [key, t] as const)))

/** Adds an issue; `path` is relative to the value that is refined. */
export function report(context: Context, path: (string | number)[], message: string, params: IssueParams = {}): void {
  context.addIssue({ code: 'custom', message, path, params })
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function quantity(parse: (value: unknown) => Parsed, description: string) {
  return z
    .union([z.string(), z.number()], { error: parse(null) as string })
    .transform((value, context) => {
      const parsed = parse(value)
      if (typeof parsed === 'number') return parsed
      context.addIssue({ code: 'custom', message: parsed, input: value })
      return z.NEVER
    })
    .meta({ description })
}

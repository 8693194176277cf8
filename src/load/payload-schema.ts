/**
 * The payload of a message in a scenario: so many bytes, a JSON object, a text, or a file.
 */
import { z } from 'zod'
import { between, bytes, exactlyOne, filled, map, report, text } from './fields.ts'

/** MQTT's largest packet is 256 MiB − 1 B; topic and properties need up to 64 KiB each of it. */
export const MAX_PAYLOAD_BYTES = 256 * 1024 ** 2 - 128 * 1024

const payloadSize = between(bytes, 0, MAX_PAYLOAD_BYTES, `0 to ${MAX_PAYLOAD_BYTES} bytes (MQTT's largest packet is 256 MiB)`)

export const payload = map({
  bytes: z
    .union([payloadSize, map({ min: payloadSize, max: payloadSize }).refine((size) => size.min <= size.max, 'min must not be above max')])
    .describe('Size of the whole payload: 64, 1KiB, or {min, max} for a uniform mix')
    .optional(),
  json: z
    .record(z.string(), z.unknown(), { error: 'expected a map' })
    .superRefine((value, context) => checkJson(value, [], context))
    .describe('A JSON object; {seq} {now} {client} in its texts, {random: {min, max}} for numbers')
    .optional(),
  text: text.describe('The payload as it is, without variables').optional(),
  file: filled.describe('Path of a file that is the payload').optional(),
}).superRefine(exactlyOne(['bytes', 'json', 'text', 'file']))

/** Only {seq}, {now} and {client} are variables of a payload; `_ms` is where its header goes. */
function checkJson(value: unknown, path: (string | number)[], context: z.core.$RefinementCtx<unknown>): void {
  if (typeof value === 'string') {
    const unknown = [...value.matchAll(/\{([A-Za-z0-9_-]+)\}/g)].map((m) => m[1]!).find((v) => !['seq', 'now', 'client'].includes(v))
    if (unknown) report(context, path, `unknown variable {${unknown}}`, { hint: 'known in a payload: seq, now, client' })
  } else if (Array.isArray(value)) {
    for (const [i, member] of value.entries()) checkJson(member, [...path, i], context)
  } else if (typeof value === 'object' && value !== null) {
    if (path.length === 0 && Object.hasOwn(value, '_ms')) report(context, ['_ms'], 'is where the header of a message goes', { at: 'key' })
    if (Object.keys(value).join() === 'random') checkRandom((value as { random: unknown }).random, [...path, 'random'], context)
    else for (const [key, member] of Object.entries(value)) checkJson(member, [...path, key], context)
  }
}

function checkRandom(value: unknown, path: (string | number)[], context: z.core.$RefinementCtx<unknown>): void {
  const { min, max } = (value ?? {}) as { min?: unknown; max?: unknown }
  if (typeof min !== 'number' || typeof max !== 'number' || min > max) report(context, path, 'expected {min, max}, two numbers that rise')
}

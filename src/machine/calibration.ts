/**
 * What this machine was measured to do: the rates that the generator reaches on it and what its clients cost. `doctor --calibrate` writes it, `doctor`
 * shows it, and `plan` and `run` warn where a plan asks for more.
 *
 * A figure is worth nothing elsewhere: a file that was made on another machine, kernel, Node or version of mqtt-scale is left alone, and said to be.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { toolVersion } from '../report/host.ts'
import type { MachineFacts } from './facts.ts'

export const CALIBRATION_SCHEMA = 'mqtt-scale/calibration@1'

const measured = <T extends z.ZodType>(value: T) =>
  z.object({
    value,
    /** How it was measured. */
    workers: z.int().positive(),
    processes: z.int().positive(),
    /** ISO 8601, UTC. */
    at: z.iso.datetime(),
  })
const positive = measured(z.number().positive())

const calibrationSchema = z.object({
  schema: z.literal(CALIBRATION_SCHEMA),
  /** What the figures depend on. */
  machine: z.object({
    cpu: z.string(),
    cores: z.number().positive(),
    /** Its series: 6.18. */
    kernel: z.string(),
    /** Its major version: 20. */
    node: z.string(),
    /** mqtt-scale's version. */
    tool: z.string(),
  }),
  connectsPerSec: positive,
  /** By QoS. */
  publishesPerSec: z.object({ 0: positive, 1: positive, 2: positive }),
  receivesPerSec: positive,
  bytesPerIdleClient: positive,
  bytesPerProcess: positive,
  timerLatenessUs: measured(z.object({ p50: z.number().nonnegative(), p99: z.number().nonnegative() })),
})

export type Calibration = Readonly<z.infer<typeof calibrationSchema>>

/** What was found; where there is nothing to use, `problem` says why, unless there is no file at all. */
export interface FoundCalibration {
  readonly calibration: Calibration | null
  readonly problem: string | null
}

type Environment = Readonly<Record<string, string | undefined>>

/** `MQTT_SCALE_CALIBRATION`, or a file in the user's cache (XDG Base Directory Specification). */
export function calibrationPath(env: Environment = process.env): string {
  if (env.MQTT_SCALE_CALIBRATION) return env.MQTT_SCALE_CALIBRATION
  const cache = env.XDG_CACHE_HOME
  return join(cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'mqtt-scale', 'calibration.json')
}

/** What the figures of a calibration on this machine depend on. */
export function calibrationMachine({ cpu, cores, kernel }: Pick<MachineFacts, 'cpu' | 'cores' | 'kernel'>): Calibration['machine'] {
  const series = /^\d+\.\d+/.exec(kernel)?.[0] ?? kernel
  return { cpu, cores, kernel: series, node: process.versions.node.split('.')[0]!, tool: toolVersion() }
}

/** Never throws. @param machine  of `calibrationMachine` */
export function readCalibration(path: string, machine: Calibration['machine']): FoundCalibration {
  const ignored = (why: string): FoundCalibration => ({ calibration: null, problem: `${path} ${why}: it is ignored` })
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { calibration: null, problem: null }
    return ignored(code === undefined ? 'is not JSON' : `can't be read (${code})`)
  }
  const { success, data } = calibrationSchema.safeParse(content)
  if (!success) return ignored('is no calibration of this version of mqtt-scale')
  const other = WORDS.find(([key]) => data.machine[key] !== machine[key])
  if (other !== undefined) return ignored(`was made with ${other[1]} ${data.machine[other[0]]}, and this is ${machine[other[0]]}`)
  return { calibration: data, problem: null }
}

const WORDS = [
  ['cpu', 'the CPU'],
  ['cores', 'this number of cores:'],
  ['kernel', 'kernel'],
  ['node', 'Node'],
  ['tool', 'mqtt-scale'],
] as const

/** Whole or not at all. @throws Error  of the file system */
export function writeCalibration(path: string, calibration: Calibration): void {
  mkdirSync(dirname(path), { recursive: true })
  const half = `${path}.${process.pid}`
  writeFileSync(half, `${JSON.stringify(calibration, null, 2)}\n`)
  renameSync(half, path)
}

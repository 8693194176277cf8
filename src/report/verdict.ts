/**
 * The verdict: status, reasons and exit code of a run.
 *
 * A run is `invalid` only where a figure is wrong because of the generator, `degraded` where a part of the measurement was lost. A broker
 * that pushes back makes a run slow, and thresholds say whether that is too slow. When several things are wrong the exit code is the first
 * that applies of 2, 130, 4, 3.
 */
import { parseThreshold } from '../load/threshold.ts'
import { formatDuration, formatShare } from '../units.ts'
import type { Outcome, RunResult } from './build.ts'
import { generatorChecks } from './generator-checks.ts'
import { formatActual } from './threshold.ts'
import type { GeneratorCheck, LatencySummary, Report, Status } from './types.ts'

/** Send lag counts from here on, whatever the thresholds: below it Node's and the kernel's timers are the limit. */
const SEND_LAG_FLOOR_US = 5000
const SEND_LAG_SHARE = 0.1
const SENT_SHARE = 0.995
const BUSY_LIMIT = 0.85
const HOST_LIMIT = 0.95
const STEAL_LIMIT = 0.03
/** The fleet is far above the sentinel over this many times its p99, and this much more. */
const SENTINEL_FACTOR = 2
const SENTINEL_MARGIN_US = 5000
/** A p99 of fewer samples is chance. */
const SENTINEL_SAMPLES = 300

export function judge(report: Report, result: RunResult): Outcome {
  const checks = [
    sendLagCheck(report),
    sentCheck(report, result),
    busyCheck(report),
    ...hostChecks(report),
    ...generatorChecks(report),
    ...sentinelCheck(report),
    ...result.checks,
  ]
  const invalid = checks.filter((check) => !check.ok && check.level === 'invalid')
  const suspect = checks.some((check) => !check.ok && check.level === 'suspect')
  const nobody = report.clients.connected === 0 && report.clients.planned > 0
  const refusals = report.subscriptions.planned > 0 && report.subscriptions.granted === 0 && !nobody
  const failed = report.thresholds.filter((threshold) => !threshold.ok)
  const findings: { status: Status; exitCode: Outcome['exitCode']; reasons: string[] }[] = []
  if (nobody && !result.isInterrupted)
    findings.push({ status: 'failed', exitCode: 2, reasons: [`nobody could connect: ${mainTrouble(report)}`] })
  if (result.isInterrupted)
    findings.push({ status: 'interrupted', exitCode: 130, reasons: ['interrupted: figures are of what was measured until then'] })
  if (invalid.length > 0) findings.push({ status: 'invalid', exitCode: 4, reasons: invalid.map((check) => check.words) })
  if (result.losses.length > 0) findings.push({ status: 'degraded', exitCode: 4, reasons: [...result.losses] })
  if (result.abort !== null && !nobody) findings.push({ status: 'failed', exitCode: 3, reasons: [`aborted ${result.abort.words}`] })
  if (refusals) findings.push({ status: 'failed', exitCode: 3, reasons: ['none of the planned subscriptions was granted'] })
  if (result.faultTroubles.length > 0 && !nobody) findings.push({ status: 'failed', exitCode: 3, reasons: [...result.faultTroubles] })
  if (failed.length > 0 && !nobody) {
    findings.push({ status: 'failed', exitCode: 3, reasons: failed.map((t) => `${t.expression} does not hold: ${formatActual(t)}`) })
  }
  const first = findings[0]
  return {
    report: {
      ...report,
      status: first?.status ?? 'passed',
      reasons: findings.flatMap(({ reasons }) => reasons),
      generator: { ...report.generator, valid: invalid.length === 0, suspect, checks },
    },
    exitCode: first?.exitCode ?? 0,
  }
}

/** The error or refusal that most attempts ended with. */
function mainTrouble(report: Report): string {
  const refusals = Object.entries(report.reasonCodes.CONNACK ?? {}).map(([code, count]) => [`CONNACK ${code}`, count] as const)
  const troubles = [...Object.entries(report.errors), ...refusals].sort((a, b) => b[1] - a[1])
  const [name, count] = troubles[0] ?? ['no attempt ended in time', 0]
  return count > 0 ? `${name} (${count} times)` : name
}

function sendLagCheck(report: Report): GeneratorCheck {
  const { p99, count } = report.sendLagUs
  const tightestUs = Math.min(...report.plan.thresholds.flatMap(latencyLimit))
  const hasLimit = tightestUs !== Number.POSITIVE_INFINITY
  const limit = hasLimit ? Math.max(SEND_LAG_FLOOR_US, SEND_LAG_SHARE * tightestUs) : SEND_LAG_FLOOR_US
  const ok = count === 0 || p99 === null || p99 <= limit
  const lag = p99 === null ? 'no samples' : formatDuration(p99)
  const words = ok
    ? `send lag p99 is ${lag}`
    : `the generator sent late: send lag p99 is ${lag}, over ${formatDuration(limit)}; use fewer clients, more --workers or a faster machine`
  return { name: 'sendLag', ok, level: hasLimit ? 'invalid' : 'suspect', value: p99, limit, words }
}

/** Upper limits of latencies among the thresholds: what the generator's lateness could spoil. */
function latencyLimit(text: string): number[] {
  const threshold = parseThreshold(text)
  if ('problem' in threshold || threshold.kind !== 'duration' || !['<', '<=', '=='].includes(threshold.op)) return []
  return /\b(endToEnd|ack|roundTrip)\./.test(threshold.metric) ? [threshold.value] : []
}

function sentCheck(report: Report, { unsentOfOurs }: RunResult): GeneratorCheck {
  const { sent } = report.publishes
  const share = sent + unsentOfOurs === 0 ? 1 : sent / (sent + unsentOfOurs)
  const ok = share >= SENT_SHARE
  const words = ok
    ? `${formatShare(share)} of what could be sent was sent in time`
    : `the generator could not keep up: ${formatShare(share)} of what could be sent was sent by the end of measure; use fewer messages, more --workers or a faster machine`
  return { name: 'sent', ok, level: 'invalid', value: share, limit: SENT_SHARE, words }
}

function busyCheck(report: Report): GeneratorCheck {
  const { busy } = report.generator
  const ok = busy <= BUSY_LIMIT
  const words = ok
    ? `the busiest worker was busy ${formatShare(busy)} of the time`
    : `the busiest worker was busy ${formatShare(busy)} of the time: its latencies may hold waits of its own`
  return { name: 'busy', ok, level: 'suspect', value: busy, limit: BUSY_LIMIT, words }
}

/** What else the host was doing; nothing where that can't be read. */
function hostChecks({ generator: { cpu } }: Report): GeneratorCheck[] {
  const check = (name: string, value: number | null, limit: number, words: string): GeneratorCheck[] =>
    value === null ? [] : [{ name, ok: value <= limit, level: 'suspect', value, limit, words: `${words} ${formatShare(value)}` }]
  return [
    ...check('hostCpu', cpu.host, HOST_LIMIT, "the host's CPUs were in use for"),
    ...check('steal', cpu.steal, STEAL_LIMIT, "of the host's CPU time others took"),
  ]
}

/** Whether the fleet is as fast as an independent client; nothing where either has no p99 to compare. */
function sentinelCheck(report: Report): GeneratorCheck[] {
  const { sentinel } = report.generator
  const endToEndUs = calmOf(report)
  if (
    sentinel === null ||
    sentinel.p99Us === null ||
    sentinel.count < SENTINEL_SAMPLES ||
    endToEndUs === undefined ||
    endToEndUs.p99 === null ||
    endToEndUs.count === 0
  )
    return []
  const limit = Math.max(SENTINEL_FACTOR * sentinel.p99Us, sentinel.p99Us + SENTINEL_MARGIN_US)
  const ok = endToEndUs.p99 <= limit
  const figures = `end-to-end p99 is ${formatDuration(endToEndUs.p99)}, that of an independent client (the sentinel) ${formatDuration(sentinel.p99Us)}`
  const words = ok ? figures : `${figures}: what the fleet measures may be the generator's own doing`
  return [{ name: 'sentinel', ok, level: 'suspect', value: endToEndUs.p99, limit, words }]
}

/** The fleet's latencies before anything was done to it: a fault strikes the fleet's clients, and not the sentinel. */
function calmOf({ endToEndUs, faults, windows }: Report): LatencySummary | undefined {
  const begun = Object.entries(faults).filter(([, { startS }]) => startS !== null)
  const [first] = begun.sort(([, a], [, b]) => a.startS! - b.startS!)
  return first ? windows[`${first[0]}-before`]?.endToEndUs : endToEndUs
}

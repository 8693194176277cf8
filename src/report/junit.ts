/**
 * The verdict as JUnit XML, which every CI shows: a case for each threshold, and one for whether the result can be trusted.
 *
 * The form is that of the Jenkins xUnit schema, of which others take the same part.
 */
import { formatActual } from './threshold.ts'
import type { Report } from './types.ts'

export function renderJunit(report: Report): string {
  const { run, thresholds, status, reasons } = report
  const cases = [
    ...thresholds.map((threshold) => ({
      name: threshold.expression,
      failure: threshold.ok ? null : `${threshold.expression} does not hold: ${formatActual(threshold)}`,
    })),
    {
      name: 'the result can be trusted',
      failure: status === 'passed' || status === 'failed' ? null : (reasons[0] ?? status),
    },
    // What fails a run beside its thresholds, as a fault that never began.
    ...(status === 'failed' && thresholds.every(({ ok }) => ok)
      ? [{ name: 'the run did what it was to do', failure: reasons.join('; ') }]
      : []),
  ]
  return renderSuite({ name: `mqtt-scale ${run.scenario}`, className: run.scenario, startedAt: run.startedAt, cases })
}

/** One that failed has the words for it. */
export interface TestCase {
  readonly name: string
  readonly failure: string | null
}

export interface Suite {
  readonly name: string
  readonly className: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly cases: readonly TestCase[]
}

/** The document. */
export function renderSuite({ name, className, startedAt, cases }: Suite): string {
  const failures = cases.filter(({ failure }) => failure !== null).length
  const suite = `name=${quoted(name)} tests="${cases.length}" failures="${failures}" errors="0" skipped="0" timestamp=${quoted(startedAt.slice(0, 19))}`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="${cases.length}" failures="${failures}">
  <testsuite ${suite}>
${cases.map((one) => testCase(className, one)).join('')}  </testsuite>
</testsuites>
`
}

function testCase(className: string, { name, failure }: TestCase): string {
  const head = `    <testcase classname=${quoted(className)} name=${quoted(name)}`
  return failure === null ? `${head}/>\n` : `${head}>\n      <failure message=${quoted(failure)}/>\n    </testcase>\n`
}

/** An attribute's value. What XML 1.0 has no place for, not even escaped, is left out. */
function quoted(text: string): string {
  const legal = text.replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '')
  const escapes: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    '\n': '&#10;',
    '\r': '&#13;',
    '\t': '&#9;',
  }
  return `"${legal.replaceAll(/[&<>"\n\r\t]/g, (char) => escapes[char]!)}"`
}

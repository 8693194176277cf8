// Counts what the parts of test/run.sh have written; a file that ran once more counts as it did then.
//   count.mjs STATUS               what failed and why, then `N passed, N failed`; exits with 0 only where tests ran and none failed
//   count.mjs --failed-files MAX   the files that failed, on one line; exits with 1 where there are none, more than MAX, or a part is missing
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** A file that could not be loaded has no tests that failed, but it is a failure. */
function failuresOf(file) {
  const failed = file.assertionResults.filter((test) => test.status === 'failed')
  if (failed.length > 0) return failed.map((test) => `${test.fullName}: ${test.failureMessages[0]?.split('\n', 3).join(' | ')}`)
  return file.status === 'failed' ? [file.message || 'the file failed as a whole'] : []
}

const files = new Map()
const missing = []
for (const part of ['', '-brokers', '-clusters', '-cli', '-again']) {
  const path = `.cache/vitest${part}.json`
  try {
    const { testResults } = JSON.parse(readFileSync(path, 'utf8'))
    for (const file of testResults) files.set(relative('.', file.name), file)
  } catch {
    if (part !== '-again') missing.push(`${path} is missing: these tests were not reached`)
  }
}
const failures = [...files].flatMap(([name, file]) => failuresOf(file).map((reason) => `${name}: ${reason}`))

if (process.argv[2] === '--failed-files') {
  const failed = [...files].filter(([, file]) => failuresOf(file).length > 0).map(([name]) => name)
  console.log(failed.join(' '))
  process.exit(missing.length === 0 && failed.length > 0 && failed.length <= Number(process.argv[3]) ? 0 : 1)
}

let passed = 0
for (const file of files.values()) passed += file.assertionResults.filter((test) => test.status === 'passed').length
const problems = [...missing, ...failures]
for (const problem of problems) console.log(`failed: ${problem}`)
// A step before the tests that failed is a failure too.
const failed = process.argv[2] !== '0' || passed === 0 ? Math.max(1, problems.length) : problems.length
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

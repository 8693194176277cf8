/**
 * `mqtt-scale init [NAME]`: a commented scenario to start from.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EnvironmentError, UsageError } from '../errors.ts'
import { PACKAGE, shippedScenario } from './scenarios.ts'
import { print, TOOL } from './terminal.ts'

const SCHEMA = join(PACKAGE, 'schema', 'scenario.schema.json')

/**
 * The name of a scenario that ships copies that one; any other is what the copy of `quickstart` is called.
 *
 * @throws UsageError  the file is there already
 */
export function init(name: string): void {
  const shipped = shippedScenario(name)
  const stem = name.replace(/\.ya?ml$/, '')
  const file = shipped === null ? (stem === name ? `${name}.yaml` : name) : `${stem.split('/').at(-1)}.yaml`
  const source = shipped ?? shippedScenario('quickstart')!
  try {
    // `wx`: an existing file is an error, however little time there is between a look and the write.
    writeFileSync(file, forFolder(readFileSync(source, 'utf8'), stem, resolve(file), shipped === null), { flag: 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw new UsageError(`${file} is there already`, { hint: 'init never overwrites: give another name, or remove it' })
    throw new EnvironmentError(`can't write ${file} (${code})`, { cause })
  }
  print(`${file} is written. Next:\n  ${TOOL} plan ${file}\n  ${TOOL} run ${file}\n`)
}

/** The text with the schema where it is seen from the new file, and with the new scenario's own name. */
function forFolder(text: string, stem: string, file: string, isRenamed: boolean): string {
  const near = relative(dirname(file), SCHEMA)
  const schema = near.startsWith('..') ? pathToFileURL(SCHEMA).href : near.split(sep).join('/')
  const placed = text.replace(/(\$schema=)\S+/, (_, key: string) => key + schema)
  return isRenamed ? placed.replace(/^name: .*$/m, () => `name: ${JSON.stringify(stem.split('/').at(-1))}`) : placed
}

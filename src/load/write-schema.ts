/**
 * Writes the JSON Schema of scenarios to the file named on the command line: part of the build, so that the shipped schema is the validator's.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '../errors.ts'
import { scenarioSchema } from './schema.ts'

const file = process.argv[2]
assert(file !== undefined, 'write-schema gets the name of a file')
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify(scenarioSchema(), null, 2)}\n`)

/** What a command writes to a file instead of stdout. */
import { writeFileSync } from 'node:fs'
import { EnvironmentError } from '../errors.ts'

/** Text that no terminal shows. */
export const PLAIN = { color: false, width: 100 } as const

/** @param flag  that named the file. @throws EnvironmentError  it can't be written */
export function writeOutput(file: string, text: string, flag: '--out' | '--report'): void {
  try {
    writeFileSync(file, text)
  } catch (cause) {
    throw new EnvironmentError(`${file} could not be written (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: `name another file with ${flag}`,
    })
  }
}

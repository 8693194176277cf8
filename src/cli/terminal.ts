/**
 * What stdout and stderr are: results go to the first, everything else to the second, and each has colour only where it is a terminal that
 * shows it and NO_COLOR does not ask for none.
 */
import { Chalk, type ChalkInstance, supportsColor, supportsColorStderr } from 'chalk'

const isWanted = (process.env.NO_COLOR ?? '') === ''

export const hasColor = { stdout: isWanted && supportsColor !== false, stderr: isWanted && supportsColorStderr !== false } as const

/** Colours for stderr. */
export const paint: ChalkInstance = new Chalk({ level: hasColor.stderr ? 1 : 0 })

/** Colours for stdout. */
export const ink: ChalkInstance = new Chalk({ level: hasColor.stdout ? 1 : 0 })

/** How the user started this program, for the commands it suggests. */
export const TOOL = process.env.npm_command === 'exec' ? 'npx mqtt-scale' : 'mqtt-scale'

/** Columns of stdout; what a log is comfortable with where it is no terminal. */
export function columns(): number {
  return process.stdout.columns ?? 100
}

export function print(text: string): void {
  process.stdout.write(text)
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** A command of a scenario on one line, with all of it in sight: what a terminal would act on, or not show, is replaced. */
export function commandLine(exec: string): string {
  return exec
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ⏎ ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '�')
}

/** A reader that has seen enough (`| head`) must not end a run. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

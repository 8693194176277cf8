/** Where reports go that nobody has named a folder for. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

export const REPORTS = 'reports'

/** Makes `reports/factory-20261123T031500Z`, with a number behind it where another run of that second has it. */
export function newFolder(name: string, startedAt: Date): string {
  const time = startedAt.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const base = join(REPORTS, `${name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '')}-${time}`)
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`
    try {
      mkdirSync(REPORTS, { recursive: true })
      mkdirSync(path)
      return path
    } catch (error) {
      // Whatever else is wrong with it, the report folder says so.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return path
    }
  }
}

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/**
 * mqtt-scale as its users start it: the built program as a process of its own, in a folder of its own.
 *
 * `npm run build` goes before, as `npm test` does it.
 */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const PROGRAM = fileURLToPath(new URL('../../bin/mqtt-scale.js', import.meta.url))

/** An empty folder, gone when the test has ended. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'mqtt-scale-cli-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface ToolOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** That it may have, in place of what this process may. */
  readonly openFiles?: number
  /** Called with all of stderr so far, whenever there is more of it. */
  readonly onStderr?: (text: string, child: ChildProcessWithoutNullStreams) => void
}

export function tool(args: readonly string[], { cwd = tmpdir(), env = {}, openFiles, onStderr }: ToolOptions = {}): Promise<Ended> {
  const { FORCE_COLOR: _, NO_COLOR: __, npm_command: ___, ...clean } = process.env
  const command = [process.execPath, PROGRAM, ...args]
  const limited = openFiles === undefined ? command : ['bash', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'bash', ...command]
  const child = spawn(limited[0]!, limited.slice(1), { cwd, env: { ...clean, ...env } })
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onStderr?.(stderr, child)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      process.off('exit', killWithUs)
      resolve({ code, stdout, stderr })
    })
  })
}

/** A scenario that is over in two seconds, on the embedded broker unless it is given another. */
export const QUICK = `name: quick
settle: 0s
groups:
  devices:
    clients: 4
    connect: { at: once, timeout: 300ms }
    reconnect: false
    publish: [{ topic: "t/{client}", every: 100ms, qos: 1 }]
  watcher:
    connect: { at: once, timeout: 300ms }
    reconnect: false
    subscribe: [{ filter: "t/+", qos: 1 }]
phases: { warmUp: 0s, measure: 1s, drain: 1s }
`

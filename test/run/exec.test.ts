import { mkdtempSync, readFileSync, realpathSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Commands } from '../../src/run/exec.ts'

/** Commands of faults, with real shells. */

let folder = ''
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'mqtt-scale-exec-')))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const clock = () => performance.now() * 1000
const commands = () => new Commands({ folder, run: 'k3v9qa', clock })
const path = (name: string) => join(folder, name)

/** Resolves when a command has written a file of that name. */
function written(name: string): Promise<string> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_, changed) => {
      const text = changed === name ? readFileSync(path(name), 'utf8') : ''
      if (!text.endsWith('\n')) return
      watcher.close()
      resolve(text.trim())
    })
  })
}

describe('a command', () => {
  test.each([
    { of: 'its output, both streams as they came', command: 'echo 1; echo 2 >&2; echo 3', exitCode: 0, signal: null, output: '1\n2\n3\n' },
    { of: 'its exit code', command: 'echo no; exit 7', exitCode: 7, signal: null, output: 'no\n' },
    { of: 'the signal that ended it', command: 'kill -KILL $$', exitCode: null, signal: 'SIGKILL', output: '' },
    {
      of: 'the fault and the run it is for',
      command: 'echo $MQTT_SCALE_FAULT $MQTT_SCALE_RUN',
      exitCode: 0,
      signal: null,
      output: 'dies k3v9qa\n',
    },
    { of: 'nothing to read', command: 'cat', exitCode: 0, signal: null, output: '' },
  ])('has $of', async ({ command, exitCode, signal, output }) => {
    const { figures, wasEnded } = await commands().run('dies', command)
    expect(figures).toEqual({ command, exitCode, signal, lengthS: figures.lengthS, output })
    expect(figures.lengthS).toBeGreaterThan(0)
    expect(wasEnded).toBe(false)
  })

  test('starts in the folder of the scenario', async () => {
    writeFileSync(path('kill-node'), 'echo node $1 is dead\n', { mode: 0o755 })
    expect((await commands().run('dies', 'pwd; ./kill-node b')).figures.output).toBe(`${folder}\nnode b is dead\n`)
  })

  test('that prints a lot is known by its last 64 KiB, from the first whole character on', async () => {
    const { output } = (await commands().run('dies', `i=0; while [ $i -lt 300 ]; do printf '%0300d€\\n' $i; i=$((i + 1)); done`)).figures
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(64 * 1024)
    expect(Buffer.byteLength(output)).toBeGreaterThan(64 * 1024 - 3)
    expect(output).not.toContain('\ufffd')
    expect(output.endsWith('299€\n')).toBe(true)
  })

  test('that can not be started says why', async () => {
    const nowhere = new Commands({ folder: path('nowhere'), run: 'k3v9qa', clock })
    const { figures } = await nowhere.run('dies', 'true')
    expect(figures).toMatchObject({ exitCode: null, signal: null, output: expect.stringContaining('ENOENT') })
  })

  test('takes as long as it takes', async () => {
    const { lengthS } = (await commands().run('dies', 'sleep 0.3')).figures
    expect(lengthS).toBeGreaterThanOrEqual(0.3)
  })
})

describe('when the run is over', () => {
  test('what still runs is ended, with what it has started', async () => {
    const all = commands()
    const pid = written('pid')
    const done = all.run('dies', 'sleep 1000 & echo $! > pid; echo waiting; wait')
    const child = Number(await pid)
    await all.end()
    expect(await done).toMatchObject({ figures: { exitCode: null, signal: 'SIGTERM', output: 'waiting\n' }, wasEnded: true })
    await gone(child)
  })

  test('what will not end is killed', async () => {
    const all = commands()
    const ready = written('deaf')
    const done = all.run('dies', 'trap "" TERM; echo ready > deaf; while :; do sleep 0.1; done')
    await ready
    await all.end()
    expect((await done).figures.signal).toBe('SIGKILL')
  })

  test('what a command has left behind is left in peace, and can go on writing', async () => {
    const all = commands()
    const { figures } = await all.run(
      'starts',
      '(while [ ! -e go ]; do sleep 0.05; done; echo still here && echo alive > wrote) & echo started',
    )
    await all.end()
    expect(figures).toMatchObject({ exitCode: 0, output: 'started\n' })
    const wrote = written('wrote')
    writeFileSync(path('go'), '')
    expect(await wrote).toBe('alive')
  })

  test('and nothing runs, there is nothing to end', async () => {
    const all = commands()
    await all.run('dies', 'true')
    await expect(all.end()).resolves.toBeUndefined()
  })
})

/** Resolves when no process of that id is left: its parent died with it, so whoever takes orphans has to reap it first. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return
    } catch {
      return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

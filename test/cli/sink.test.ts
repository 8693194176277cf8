/** `mqtt-scale sink`, as somebody starts it. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { folder, tool } from './tool.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/mqtt-scale.js', import.meta.url))

/** A sink that listens on a port of its own, and what it has printed. */
async function started(
  ...args: readonly string[]
): Promise<{ child: ChildProcessWithoutNullStreams; port: number; printed: () => string }> {
  const child = spawn(process.execPath, [PROGRAM, 'sink', '--port', '0', ...args])
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  await expect.poll(() => text, { timeout: 10_000 }).toMatch(/^sink on /)
  return { child, port: Number(/:(\d+),/.exec(text)![1]), printed: () => text }
}

/** Each client hears itself: so it does not matter which process it came to. */
const ECHO = `name: echo
groups:
  all:
    clients: 60
    connect: { over: 1s }
    publish: [{ topic: "t/{client}", rate: 600/s, qos: { 0: 50%, 1: 30%, 2: 20% } }]
    subscribe: [{ filter: "t/{client}", qos: 2 }]
sentinel: false
phases: { warmUp: 0s, measure: 1s, drain: 3s }
thresholds: [deliveries.lost == 0, deliveries.received == 600, deliveries.duplicated == 0]
`

describe.runIf(process.platform === 'linux')('mqtt-scale sink', () => {
  test('serves a run on several processes, and says what it has seen', async () => {
    const { child, port, printed } = await started('--processes', '3')
    const cwd = folder()
    writeFileSync(join(cwd, 'echo.yaml'), ECHO)
    const ran = await tool(['run', 'echo.yaml', '--broker', `mqtt://127.0.0.1:${port}`, '--quiet', '--skip-probe'], { cwd })
    expect(ran).toMatchObject({ stderr: '', code: 0 })
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    expect(code).toBe(130)
    expect(printed()).toMatch(/^sink on mqtt:\/\/127\.0\.0\.1:\d+, 3 processes with room for [\d,]+ connections$/m)
    expect(printed()).toContain('\n60 connections, 0 at the end\n300 messages of QoS 0, 180 of QoS 1, 120 of QoS 2; 600 passed on\n')
  }, 30_000)

  test('lets a port be that somebody has, another sink as well', async () => {
    const { port } = await started()
    const again = await tool(['sink', '--port', String(port)])
    expect(again).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: the sink can't listen on 127.0.0.1:${port} (EADDRINUSE)\nhint: somebody does already: name another port with --port\n`,
    })
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port: taken } = server.address() as { port: number }
    expect((await tool(['sink', '--port', String(taken)])).stderr).toContain('EADDRINUSE')
  }, 30_000)

  test.each([
    { args: ['--host', '203.0.113.250'], error: 'it is no address of this machine: name another with --host' },
    { args: ['--host', 'example.com'], error: '--host example.com: expected an IP address of this machine' },
    { args: ['--port', '70000'], error: 'expected a port, 0 to 65535' },
    { args: ['--processes', '0'], error: 'must be above 0' },
  ])('$args is refused', async ({ args, error }) => {
    const { code, stdout, stderr } = await tool(['sink', ...args])
    expect(stderr).toContain(error)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('ends with a process that ends early, and says so', async () => {
    const { child } = await started('--processes', '2')
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const { stdout } = await execute('pgrep', ['-P', String(child.pid)])
    process.kill(Number(stdout.trim().split('\n')[0]), 'SIGKILL')
    const [code] = await once(child, 'exit')
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'error: a process of the sink ended early: by SIGKILL\n' })
  }, 20_000)

  test('its processes end with it, however it ends', async () => {
    const { child } = await started('--processes', '2')
    const { stdout } = await execute('pgrep', ['-P', String(child.pid)])
    const pids = stdout.trim().split('\n').map(Number)
    expect(pids).toHaveLength(2)
    child.kill('SIGKILL')
    const isAlive = (pid: number) => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    }
    await expect.poll(() => pids.some(isAlive), { timeout: 5000 }).toBe(false)
  }, 20_000)
})

async function execute(program: string, args: readonly string[]): Promise<{ stdout: string }> {
  const child = spawn(program, args)
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  await once(child, 'close')
  return { stdout }
}

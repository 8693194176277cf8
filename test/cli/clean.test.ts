import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, connectAsync } from 'mqtt'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ACCOUNT, type Listener, requireMosquitto, startMosquitto } from '../brokers/mosquitto.ts'
import { folder, QUICK, tool } from './tool.ts'

/** Keeps sessions and retained messages, and leaves them. */
const DIRTY = QUICK.replace('watcher:', 'watcher:\n    clients: 3\n    cleanSession: false')
  .replace('qos: 1 }]\n  watcher', 'qos: 1, retain: true }]\n  watcher')
  .replace('drain: 1s', 'drain: 1s, cleanUp: false')

function write(text: string): string {
  const cwd = folder()
  writeFileSync(join(cwd, 'dirty.yaml'), text)
  return cwd
}

/** Runs may have to be tried again: see run.test.ts. */
const AGAIN = { retry: 2 } as const

describe('clean', AGAIN, () => {
  test('has nothing to do after a run on the embedded broker', async () => {
    const cwd = write(DIRTY)
    expect((await tool(['run', 'dirty.yaml', '--out', 'out', '--quiet'], { cwd })).code).toBe(0)
    const { code, stdout } = await tool(['clean', 'out'], { cwd })
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'the run was on the embedded broker, which kept nothing: there is nothing to clean\n',
    })
  })

  test.each([
    { why: 'no JSON', text: 'x', error: 'is not JSON' },
    { why: 'null', text: 'null', error: 'is no report of mqtt-scale' },
    {
      why: 'another JSON',
      text: '{"schema": "mqtt-scale/report@99"}',
      error: 'is of schema mqtt-scale/report@99, and this version of mqtt-scale reads mqtt-scale/report@1',
    },
  ])('refuses $why', async ({ text, error }) => {
    const cwd = folder()
    writeFileSync(join(cwd, 'report.json'), text)
    const { code, stderr } = await tool(['clean', cwd], { cwd })
    expect(stderr).toContain(error)
    expect(code).toBe(2)
  })
})

describe.skipIf(!requireMosquitto())('clean on mosquitto', AGAIN, () => {
  async function mosquitto(listener: Listener) {
    const broker = await startMosquitto({ listeners: [listener] })
    onTestFinished(() => broker.stop())
    return { url: broker.url(listener), broker }
  }

  /** Topics of retained messages; an account is needed on the password listener only. */
  async function retained(url: string, account = {}): Promise<string[]> {
    const client = await connectAsync(url, account)
    const topics: string[] = []
    client.on('message', (topic, _, { retain }) => {
      if (retain) topics.push(topic)
    })
    await client.subscribeAsync('t/#', { qos: 1 })
    // A message of our own comes behind the retained ones.
    const arrived = new Promise<void>((resolve) => client.on('message', (topic) => topic === 't/end' && resolve()))
    await client.publishAsync('t/end', '', { qos: 1 })
    await arrived
    await client.endAsync()
    return topics.sort()
  }

  /** Whether the broker still has a session of this client. */
  async function hasSession(url: string, clientId: string): Promise<boolean> {
    const client = connect(url, { clientId, clean: false })
    const found = await new Promise<boolean>((resolve) => client.once('connect', ({ sessionPresent }) => resolve(sessionPresent)))
    await client.endAsync()
    return found
  }

  test('ends the sessions of a run and clears its retained messages', async () => {
    const { url } = await mosquitto('plain')
    const cwd = write(DIRTY)
    expect((await tool(['run', 'dirty.yaml', '--broker', url, '--out', 'out', '--quiet'], { cwd })).code).toBe(0)
    const { id } = JSON.parse(readFileSync(join(cwd, 'out/report.json'), 'utf8')).run
    expect(await retained(url)).toEqual(['t/0', 't/1', 't/2', 't/3'])
    expect(await hasSession(url, `${id}-watcher-1`)).toBe(true)
    const { code, stdout } = await tool(['clean', join('out', 'report.json')], { cwd })
    expect({ code, stdout }).toEqual({ code: 0, stdout: `run ${id} has left nothing: its 7 clients were cleaned up after\n` })
    expect(await retained(url)).toEqual([])
    for (const client of [0, 1, 2]) expect(await hasSession(url, `${id}-watcher-${client}`)).toBe(false)
  })

  test('asks for a password that the report does not tell', async () => {
    const { url } = await mosquitto('password')
    const cwd = write(DIRTY)
    const withAccount = url.replace('//', `//${ACCOUNT.username}:${encodeURIComponent(ACCOUNT.password)}@`)
    expect((await tool(['run', 'dirty.yaml', '--broker', withAccount, '--out', 'out', '--quiet'], { cwd })).code).toBe(0)
    const masked = await tool(['clean', 'out'], { cwd })
    expect(masked.code).toBe(2)
    expect(masked.stderr).toContain(
      "error: the report does not tell groups.devices.username\nhint: give it with --set 'groups.devices.username=…'",
    )
    const account = ['devices', 'watcher'].flatMap((group) =>
      Object.entries(ACCOUNT).flatMap(([key, value]) => ['--set', `groups.${group}.${key}=${value}`]),
    )
    const wrong = await tool(['clean', 'out', ...account.map((text) => text.replace('horse', 'cow'))], { cwd })
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('clean up: CONNACK 0x05')
    expect(wrong.stderr).toContain('error: 3 sessions and 4 retained messages could not be removed')
    expect((await tool(['clean', 'out', ...account], { cwd })).code).toBe(0)
    expect(await retained(url, ACCOUNT)).toEqual([])
    expect((await tool(['clean', 'out', '--broker', withAccount], { cwd })).code).toBe(0)
  })

  test('counts what it could not remove, and ends with 2', async () => {
    const { url, broker } = await mosquitto('plain')
    const cwd = write(DIRTY)
    expect((await tool(['run', 'dirty.yaml', '--broker', url, '--out', 'out', '--quiet'], { cwd })).code).toBe(0)
    await broker.stop()
    const { code, stderr } = await tool(['clean', 'out'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('clean up: ECONNREFUSED')
    expect(stderr).toContain('error: 3 sessions and 4 retained messages could not be removed')
  })
})

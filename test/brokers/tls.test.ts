/**
 * Who a client is to a real broker, and who the broker is to it: certificates, names, accounts. What is refused is a figure, and when nobody
 * gets in, the reason comes first.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificates } from '../helpers/certs.ts'
import { run } from './helper.ts'
import { ACCOUNT, type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts'

/** A few clients who talk to themselves; those who fail have a second for it. */
const clients = (options: object) => ({
  clients: 2,
  connect: { timeout: '800ms' },
  reconnect: { first: '300ms' },
  publish: [{ topic: '{run}/{client}', every: '250ms', qos: 1 }],
  subscribe: [{ filter: '{run}/#', qos: 1 }],
  ...options,
})
const scenario = (groups: Record<string, object>) => ({
  name: 'identity',
  settle: '100ms',
  groups,
  phases: { warmUp: '0s', measure: '500ms', drain: '5s' },
})

let folder = ''

describe.skipIf(!requireMosquitto())('identity', () => {
  let broker: Mosquitto
  beforeAll(async () => {
    broker = await startMosquitto({ listeners: ['plain', 'tls', 'mtls', 'password'] })
    folder = mkdtempSync(join(tmpdir(), 'identity-'))
  })
  afterAll(async () => {
    await broker?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const ca = () => certificates().ca
  const only = (options: object) => scenario({ all: clients(options) })

  test.each([
    { name: 'a broker of an authority nobody trusts', listener: 'tls', tls: () => ({ ca: certificates().strangerCa }), error: /^TLS: / },
    {
      name: 'a broker of another name',
      listener: 'tls',
      tls: () => ({ ca: ca(), serverName: 'elsewhere.test' }),
      error: /^TLS: the certificate is for another name$/,
    },
    { name: 'a client without the certificate that is asked for', listener: 'mtls', tls: () => ({ ca: ca() }), error: /^TLS: / },
  ] as const)('$name lets nobody in, and the first line says why', async ({ listener, tls, error }) => {
    const { report, exitCode } = await run(only({ tls: tls() }), [broker.url(listener)])
    expect(exitCode).toBe(2)
    expect(report.clients).toMatchObject({ connected: 0, failed: 2 })
    const [words, count] = Object.entries(report.errors)[0]!
    expect(words).toMatch(error)
    expect(count).toBeGreaterThanOrEqual(2)
    expect(report.reasons[0]).toBe(`nobody could connect: ${words} (${count} times)`)
    expect(report.connectUs).toMatchObject({ count: 2, p50: null })
  })

  test('insecure takes any broker, and the report says so', async () => {
    const tls = { ca: certificates().strangerCa, serverName: 'elsewhere.test', insecure: true }
    const { report, exitCode } = await run(only({ tls }), [broker.url('tls')])
    expect(exitCode).toBe(0)
    expect(report.run.insecureTls).toBe(true)
    expect(report.deliveries).toMatchObject({ owed: 8, received: 8 })
  })

  test('each client has its own certificate where its path is a template', async () => {
    for (const i of [0, 1]) makeCertificate(folder, `device-${i}`)
    const tls = { ca: ca(), cert: 'device-{client}.pem', key: 'device-{client}.key' }
    const { report, exitCode } = await run(only({ tls }), [broker.url('mtls')], { folder, workers: 2 })
    expect(exitCode).toBe(0)
    expect(report.run.insecureTls).toBe(false)
    for (const i of [0, 1]) expect(broker.log()).toMatch(new RegExp(`as ${report.run.id}-all-${i} \\(.*u'device-${i}'\\)`))
  })

  test('a client whose certificate is missing fails alone', async () => {
    for (const name of ['cert.pem', 'key.pem'])
      copyFileSync(certificates().client[name === 'cert.pem' ? 'cert' : 'key'], join(folder, `0-${name}`))
    const tls = { ca: ca(), cert: '{client}-cert.pem', key: '{client}-key.pem' }
    const { report, exitCode } = await run(only({ tls }), [broker.url('mtls')], { folder })
    expect(report.clients).toMatchObject({ connected: 1, failed: 1 })
    expect(Object.keys(report.errors)).toEqual(['TLS: the certificate or key of the client can’t be used'])
    expect(exitCode).toBe(3)
  })

  test('an account comes from the environment, a file or a template, and its password is nowhere in the report', async () => {
    process.env.MQTT_SCALE_TEST_PASSWORD = ACCOUNT.password
    writeFileSync(join(folder, 'password'), `${ACCOUNT.password}\n`)
    const groups = {
      env: clients({ username: ACCOUNT.username, password: '${env:MQTT_SCALE_TEST_PASSWORD}' }),
      // Its name makes a whole of it.
      er: clients({ username: 'test{group}', password: '${file:password}' }),
      written: clients({ username: ACCOUNT.username, password: ACCOUNT.password, version: '5' }),
    }
    const { report, exitCode, written } = await run(scenario(groups), [broker.url('password')], { folder })
    expect(exitCode).toBe(0)
    expect(report.clients.connected).toBe(6)
    expect(broker.log()).toMatch(new RegExp(`as ${report.run.id}-er-0 \\(.*u'tester'\\)`))
    expect(written).toContain('${env:MQTT_SCALE_TEST_PASSWORD}')
    expect(written).toContain('mqtt-scale/report@1')
    expect(written).not.toContain(ACCOUNT.password)
    expect(written).not.toContain(encodeURIComponent(ACCOUNT.password))
  })

  test('a wrong password is refused with the code of each version', async () => {
    const groups = {
      old: clients({ username: ACCOUNT.username, password: 'wrong-1' }),
      new: clients({ username: ACCOUNT.username, password: 'wrong-1', version: '5' }),
    }
    const { report, exitCode, written } = await run(scenario(groups), [broker.url('password')])
    expect(exitCode).toBe(2)
    expect(report.reasons[0]).toMatch(/^nobody could connect: CONNACK 0x(05|87) \(\d+ times\)$/)
    expect(Object.keys(report.reasonCodes.CONNACK!).sort()).toEqual(['0x05', '0x87'])
    expect(report.clients).toMatchObject({ connected: 0, failed: 4 })
    expect(written).not.toContain('wrong-1')
  })

  test('who has the right password gets in beside those who have not', async () => {
    const groups = { right: clients(ACCOUNT), wrong: clients({ ...ACCOUNT, password: 'wrong' }) }
    const { report, exitCode } = await run(scenario(groups), [broker.url('password')])
    expect(exitCode).toBe(3)
    expect(report.groups.right!.clients).toMatchObject({ connected: 2, failed: 0 })
    expect(report.groups.wrong!.clients).toMatchObject({ connected: 0, failed: 2 })
    expect(report.groups.wrong!.subscriptions).toMatchObject({ planned: 2, granted: 0 })
    expect(report.groups.right!.deliveries).toMatchObject({ owed: 8, received: 8, lost: 0 })
    // Drain waits for nothing that those who have given up would have sent.
    expect(report.run.phases.find(({ name }) => name === 'drain')!.lengthS).toBeLessThan(3)
  })
})

/** Signed by the tests' authority. */
function makeCertificate(folder: string, name: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', 'request')
  const { ca } = certificates()
  openssl('x509', '-req', '-in', 'request', '-CA', ca, '-CAkey', ca.replace('.pem', '.key'), '-set_serial', '7', '-out', `${name}.pem`)
}

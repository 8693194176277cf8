/**
 * Who may take part: users with few rights, nkeys, JWT credentials and certificates, on a real server; and what is said to those who may not.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nkeys } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { tool } from '../cli/tool.ts'
import { certificates } from '../helpers/certs.ts'
import { type LyingBroker, startLyingBroker } from '../helpers/lying-broker.ts'
import { headerOf } from '../helpers/run.ts'
import { Field } from './agents.ts'
import { requireBrokers } from './packages.ts'

const CONF = readFileSync(fileURLToPath(new URL('../../deploy/kubernetes/base/nats.conf', import.meta.url)), 'utf8')
const { createAccount, createOperator, createUser } = nkeys
type KeyPair = ReturnType<typeof createUser>

const SCENARIO = {
  name: 'access',
  settle: '100ms',
  groups: {
    sensors: { clients: 4, publish: [{ topic: 't/{client}', every: '100ms', qos: 1 }] },
    boards: { clients: 2, subscribe: [{ filter: 't/#', qos: 1 }] },
  },
  phases: { warmUp: '0s', measure: '1s', drain: '3s' },
}

/** Of `{ user: NAME … }` in nats.conf. */
const userOf = (name: string): string => new RegExp(`\\{\\s*user: ${name}\\n[\\s\\S]*?\\n {4}\\}`).exec(CONF)![0]

describe.skipIf(!requireBrokers('nats'))('agents and controller', () => {
  let broker: LyingBroker
  let field: Field | null = null
  beforeAll(async () => {
    // What comes last is lost: only who knows that it was sent can miss it.
    broker = await startLyingBroker({ lie: { drop: ({ payload }) => headerOf(payload).seq >= 28 } })
  })
  afterEach(() => field?.stop())
  afterAll(() => broker?.close())

  test('run with users that can do no more than they need, by name and password', async () => {
    const env = { NATS_CONTROLLER_PASSWORD: 'c0ffee', NATS_AGENT_PASSWORD: 'a9e27' }
    const own = (id: string) =>
      userOf('agent')
        .replace('user: agent', `user: ${id}`)
        .replaceAll(/"(ms\.(?:ctl|tell|agent)\.(?:\*\.)?)\*"/g, `"$1${id}"`)
        .replace('facts.*.*"', `facts.${id}.*"`)
    field = await Field.start(`authorization { users: [ ${userOf('controller')}, ${own('a')}, ${own('b')} ] }`, env)
    const url = (user: string) => `nats://${user}:\${env:NATS_PASSWORD}@127.0.0.1:${field!.port}`
    const agents = ['a', 'b'].map((id) => field!.agent(id, { url: url(id), env: { NATS_PASSWORD: 'a9e27' } }))
    const [a, b] = await Promise.all(agents)
    const options = { url: url('controller'), env: { NATS_PASSWORD: 'c0ffee' } }
    const { code, stderr, report } = await field.run(SCENARIO, broker.url, 2, options)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(report().deliveries).toMatchObject({ owed: 80, received: 80 })
    // Nobody's password is anywhere.
    expect(JSON.stringify(report())).not.toMatch(/c0ffee|a9e27/)

    // Without its controller too they need nothing else.
    const onStderr: NonNullable<Parameters<Field['run']>[3]>['onStderr'] = (text, child) => {
      if (text.includes('measure')) child.kill('SIGKILL')
    }
    await field.run({ ...SCENARIO, phases: { warmUp: '0s', measure: '3s' } }, broker.url, 2, { ...options, onStderr })
    const ended = /run (\w{6}) has ended: its controller was gone/
    await expect.poll(() => ended.test(a!.log) && ended.test(b!.log), { timeout: 30_000 }).toBe(true)
    const run = ended.exec(a!.log)![1]!
    const kept = await field.merged(...field.journals().filter((path) => path.includes(run)))
    expect(kept.report.deliveries).toMatchObject({ owed: 240, received: 224, lost: 16 })
  }, 60_000)

  test('an agent that may not listen says so', async () => {
    field = await Field.start(`authorization { users: [ { user: a, password: x1, permissions: { subscribe: ["_INBOX.>"] } } ] }`)
    const args = ['agent', '--id', 'a', '--allow-target', '127.0.0.1', '--control', `nats://a:x1@127.0.0.1:${field.port}`]
    const { code, stderr } = await tool(args)
    expect(code).toBe(2)
    expect(stderr).toMatch(/error: NATS does not let this agent listen: .*ms\.(call|agent\.a)/)
    expect(stderr).toContain('hint: its user must be allowed what an agent called a needs')
  })

  test('with nkeys, over TLS that asks both for a certificate', async () => {
    const { ca, server, client } = certificates()
    const keys = [createUser(), createUser()]
    const tls = `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${ca}", verify: true }`
    field = await Field.start(`${tls}\nauthorization { users: [ ${keys.map((key) => `{ nkey: ${key.getPublicKey()} }`).join(', ')} ] }`)
    const files = keys.map((key, i) => secret(field!, `seed-${i}`, new TextDecoder().decode(key.getSeed())))
    const url = `tls://localhost:${field.port}`
    const both = ['--control-ca', ca, '--control-cert', client.cert, '--control-key', client.key]
    await field.agent('a', { url, args: [...both, '--control-nkey', files[0]!] })
    const { code, stderr } = await field.run(SCENARIO, broker.url, 1, { url, args: [...both, '--control-nkey', files[1]!] })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const without = await field.run(SCENARIO, broker.url, 1, { url, args: ['--control-ca', ca, '--control-nkey', files[1]!] })
    expect(without.code).toBe(2)
    expect(without.stderr).toMatch(/error: can't connect to NATS at localhost:\d+: /)
  }, 60_000)

  test('with JWT credentials', async () => {
    const [operator, account, system] = [createOperator(), createAccount(), createAccount()]
    const all = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true }
    const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
    const preload = [
      `${account.getPublicKey()}: ${jwt(operator, account, 'account', { limits: { ...all, ...storage } })}`,
      `${system.getPublicKey()}: ${jwt(operator, system, 'account', { limits: all })}`,
    ]
    field = await Field.start(
      [
        `operator: ${jwt(operator, operator, 'operator', {})}`,
        `system_account: ${system.getPublicKey()}`,
        `resolver: MEMORY\nresolver_preload { ${preload.join(', ')} }`,
      ].join('\n'),
    )
    const files = ['agent', 'controller'].map((name) => {
      const user = createUser()
      const seed = new TextDecoder().decode(user.getSeed())
      const block = (kind: string, text: string) => `-----BEGIN ${kind}-----\n${text}\n------END ${kind}------\n`
      const token = jwt(account, user, 'user', { subs: -1, data: -1, payload: -1 })
      return secret(field!, `${name}.creds`, `${block('NATS USER JWT', token)}\n${block('USER NKEY SEED', seed)}`)
    })
    await field.agent('a', { args: ['--control-creds', files[0]!] })
    const { code, stderr } = await field.run(SCENARIO, broker.url, 1, { args: ['--control-creds', files[1]!] })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const guest = await field.run(SCENARIO, broker.url, 1)
    expect(guest).toMatchObject({ code: 2, stderr: expect.stringMatching(/can't connect to NATS at .*Authorization Violation/i) })
  }, 60_000)

  test('a server without JetStream is no place to meet', async () => {
    field = await Field.start('jetstream: false')
    const { code, stderr } = await field.run(SCENARIO, broker.url, 1)
    expect(code).toBe(2)
    expect(stderr).toMatch(/error: NATS at 127\.0\.0\.1:\d+ can't keep a run: .*\nhint: JetStream must be on/)
  })
})

/** @returns the path of a file that only its owner reads */
function secret(field: Field, name: string, text: string): string {
  const path = join(field.folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** What `nsc` makes: claims of a subject, signed by its issuer (NATS JWT, version 2). */
function jwt(issuer: KeyPair, subject: KeyPair, type: 'operator' | 'account' | 'user', nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Math.floor(Date.now() / 1000)
  const claims = { jti: subject.getPublicKey(), iat, iss: issuer.getPublicKey(), name: type, sub: subject.getPublicKey() }
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claims, nats: { ...nats, type, version: 2 } })}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}

/**
 * The users of deploy/kubernetes/base/nats.conf, on a real server: what the controller and the agents need is allowed, the rest refused.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect, type Msg, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { certificates } from '../helpers/certs.ts'
import { freePort } from '../helpers/ports.ts'
import { requireNats } from './nats.ts'
import { environmentOf, rootOf } from './packages.ts'
import { Process } from './process.ts'

const DEPLOY = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url))
const CONF = readFileSync(join(DEPLOY, 'base/nats.conf'), 'utf8')
const PROGRAM = join(rootOf('nats'), 'usr/sbin/nats-server')
const PASSWORDS = { NATS_CONTROLLER_PASSWORD: 'c0ffee', NATS_AGENT_PASSWORD: 'a9e27' }

/** A user for one agent, made as nats.conf says: a copy with an ID in place of the last star. */
const AGENT_A = /\{\s*user: agent\n[\s\S]*?\n {4}\}/
  .exec(CONF)![0]
  .replace('user: agent', 'user: a')
  .replaceAll(/"(ms\.(?:ctl|tell|agent)\.(?:\*\.)?)\*"/g, '"$1a"')
  .replace('facts.*.*"', 'facts.a.*"')

/** A file of its own, gone when all tests have ended. */
function configure(folder: string, text: string): string {
  const file = join(folder, 'nats.conf')
  writeFileSync(file, text.replace('"/data"', JSON.stringify(join(folder, 'data'))))
  return file
}

function check(text: string, passwords: Readonly<Record<string, string>>): { code: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'nats-users-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const { status, stderr } = spawnSync(PROGRAM, ['-t', '-c', configure(folder, text)], {
    encoding: 'utf8',
    env: { ...environmentOf('nats'), ...passwords },
  })
  return { code: status, said: stderr }
}

describe.skipIf(!requireNats())('nats.conf', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nats-users-'))
  let server: Process
  let port: number
  let monitor: number
  const connections: NatsConnection[] = []

  async function login(user: string, pass: string): Promise<NatsConnection> {
    const connection = await connect({ servers: `127.0.0.1:${port}`, user, pass, reconnect: false, timeout: 5_000 })
    connections.push(connection)
    return connection
  }
  const controller = () => login('controller', PASSWORDS.NATS_CONTROLLER_PASSWORD)
  const agent = () => login('agent', PASSWORDS.NATS_AGENT_PASSWORD)
  const agentA = () => login('a', PASSWORDS.NATS_AGENT_PASSWORD)
  const LOGINS = { 'the controller': controller, 'an agent': agent, a: agentA }

  beforeAll(async () => {
    ;[port, monitor] = [await freePort(), await freePort()]
    // Its users are those of the file and one more, for a single agent.
    const file = configure(folder, CONF.replace(/\n {2}\]\n\}\n$/, `\n    ${AGENT_A}\n  ]\n}\n`))
    const args = ['-c', file, '-a', '127.0.0.1', '-p', String(port), '-m', String(monitor)]
    server = new Process({ program: PROGRAM, args, env: { ...environmentOf('nats'), ...PASSWORDS, GOMAXPROCS: '1' }, folder })
    server.spawn()
    for (const end = Date.now() + 20_000; !(await isReady()); await delay(50)) {
      if (Date.now() > end || !server.isRunning) throw new Error(`NATS does not start:\n${server.log}`)
    }
    const nc = await controller()
    const manager = await jetstreamManager(nc)
    await manager.streams.add({ name: 'MS_RUN', subjects: ['ms.tell.>'] })
    const kv = await new Kvm(nc).create('MS_RUNS', { allow_direct: true })
    await kv.put('r1.plan.0', 'the plan')
  })
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()))
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** As the StatefulSet's readiness probe asks. */
  async function isReady(): Promise<boolean> {
    const path = /path: "([^"]*)", port: monitor/.exec(readFileSync(join(DEPLOY, 'base/nats.yaml'), 'utf8'))![1]
    const answer = await fetch(`http://127.0.0.1:${monitor}${path}`).catch(() => null)
    return answer?.ok === true
  }

  test('is a configuration, as it is', () => {
    expect(check(CONF, PASSWORDS)).toEqual({ code: 0, said: expect.stringContaining('is valid') })
  })

  test.each([
    { why: 'without a password', passwords: { NATS_AGENT_PASSWORD: 'a9e27' } },
    { why: 'with a password that NATS takes for a number', passwords: { ...PASSWORDS, NATS_AGENT_PASSWORD: '9' } },
    { why: 'with one that only begins like a number', passwords: { ...PASSWORDS, NATS_AGENT_PASSWORD: '9e27ab' } },
  ])('is none $why', ({ passwords }) => {
    expect(check(CONF, passwords).code).toBe(1)
  })

  test('is one with the README’s TLS in it', () => {
    const { ca, server } = certificates()
    const block = /^tls \{[\s\S]*?^\}$/m.exec(readFileSync(join(DEPLOY, 'README.md'), 'utf8'))![0]
    const files: Record<string, string> = { 'tls.crt': server.cert, 'tls.key': server.key, 'ca.crt': ca }
    const text = block.replaceAll(/\/etc\/nats-tls\/([a-z.]+)/g, (_, name: string) => files[name]!)
    expect(check(`${CONF}\n${text}\n`, PASSWORDS)).toEqual({ code: 0, said: expect.stringContaining('is valid') })
    expect(check(`${CONF}\n${block}\n`, PASSWORDS).code).toBe(1)
  })

  test('lets nobody in without the password', async () => {
    await expect(login('agent', 'guess')).rejects.toThrow('Authorization Violation')
    await expect(connect({ servers: `127.0.0.1:${port}`, reconnect: false })).rejects.toThrow('Authorization Violation')
  })

  test('lets controller and agents talk as they do in a run', async () => {
    const [ctl, one] = [await controller(), await agent()]
    const answer = (text: string) => (_: unknown, message: Msg) => {
      message.respond(text)
    }
    const calls = one.subscribe('ms.call', { callback: answer('hello') })
    const orders = one.subscribe('ms.agent.agent-0', { callback: answer('done') })
    const beats = ctl.subscribe('ms.ctl.r1.agent-0', { callback: answer('alive') })
    await Promise.all([one.flush(), ctl.flush()])
    expect((await ctl.request('ms.call', '')).string()).toBe('hello')
    expect((await ctl.request('ms.agent.agent-0', '')).string()).toBe('done')
    expect((await one.request('ms.ctl.r1.agent-0', '')).string()).toBe('alive')
    for (const subscription of [calls, orders, beats]) expect(subscription.isClosed()).toBe(false)
  })

  test('lets an agent read the plan, and tell the stream that the controller reads', async () => {
    const [ctl, one] = [await controller(), await agent()]
    const bucket = await new Kvm(one).open('MS_RUNS')
    expect((await bucket.get('r1.plan.0'))?.string()).toBe('the plan')
    const reader = await jetstreamManager(one)
    expect((await reader.streams.info('KV_MS_RUNS')).state.messages).toBe(1)
    const last = { last_by_subj: '$KV.MS_RUNS.r1.plan.0' }
    expect((await reader.streams.getMessage('KV_MS_RUNS', last))?.string()).toBe('the plan')
    expect((await reader.direct.getMessage('KV_MS_RUNS', last))?.string()).toBe('the plan')
    expect((await reader.direct.getMessage('KV_MS_RUNS', { seq: 1 }))?.string()).toBe('the plan')
    const { stream, duplicate } = await jetstream(one).publish('ms.tell.r1.agent-0', 'news', { msgID: 'agent-0:1' })
    expect({ stream, duplicate }).toEqual({ stream: 'MS_RUN', duplicate: false })
    const manager = await jetstreamManager(ctl)
    await manager.consumers.add('MS_RUN', { durable_name: 'r1', ack_policy: AckPolicy.Explicit })
    const consumer = await jetstream(ctl).consumers.get('MS_RUN', 'r1')
    const message = await consumer.next({ expires: 5_000 })
    expect(message?.string()).toBe('news')
    expect(await message?.ackAck()).toBe(true)
  })

  /** What the server says to a subscribe; null: it lets it be. A refusal comes before the answer to the flush. */
  async function subscribeTo(nc: NatsConnection, subject: string): Promise<string | null> {
    const subscription = nc.subscribe(subject, { callback: () => {} })
    const ended = subscription.closed.then((why) => why ?? new Error('closed'))
    await nc.flush()
    const why = await Promise.race([ended, turn(null)])
    subscription.unsubscribe()
    if (why !== null && !(why instanceof PermissionViolationError)) throw why
    return why === null ? null : `${why.operation} ${why.subject}`
  }

  test.each([
    { who: 'an agent', subject: 'ms.ctl.*.*', why: 'the controller’s' },
    { who: 'an agent', subject: '>', why: 'everything' },
    { who: 'an agent', subject: '$KV.MS_RUNS.>', why: 'writes of the plan' },
    { who: 'a', subject: 'ms.agent.b', why: 'another agent’s' },
    { who: 'a', subject: 'ms.agent.*', why: 'all agents’' },
    { who: 'a', subject: 'ms.ctl.*.b', why: 'another’s questions' },
  ])('refuses $who the subscription $subject ($why)', async ({ who, subject }) => {
    expect(await subscribeTo(await LOGINS[who as keyof typeof LOGINS](), subject)).toBe(`subscription ${subject}`)
  })

  test.each(['ms.agent.a', 'ms.call', '_INBOX.x'])('lets a have its own: %s', async (subject) => {
    expect(await subscribeTo(await agentA(), subject)).toBe(null)
  })

  /** The same of a publish. */
  async function publishTo(nc: NatsConnection, subject: string): Promise<string | null> {
    let refused: string | null = null
    const said = (async () => {
      for await (const status of nc.status()) {
        if (status.type !== 'error' || !(status.error instanceof PermissionViolationError)) continue
        refused = `${status.error.operation} ${status.error.subject}`
        return
      }
    })()
    nc.publish(subject, '')
    await nc.flush()
    await Promise.race([said, turn()])
    return refused
  }

  test.each([
    { who: 'an agent', subject: 'ms.agent.agent-1', why: 'orders to another' },
    { who: 'an agent', subject: '$KV.MS_RUNS.r1.plan.0', why: 'another plan' },
    { who: 'an agent', subject: '$JS.API.STREAM.DELETE.MS_RUN', why: 'the stream’s end' },
    { who: 'an agent', subject: '$JS.API.STREAM.PURGE.KV_MS_RUNS', why: 'the plan’s end' },
    { who: 'an agent', subject: '_INBOX.x.y', why: 'an answer nobody asked for' },
    { who: 'the controller', subject: 'ms.tell.r1.agent-0', why: 'what only agents tell' },
    { who: 'the controller', subject: 'elsewhere', why: 'what is no subject of a run' },
    { who: 'a', subject: 'ms.tell.r1.b', why: 'in another’s name' },
    { who: 'a', subject: 'ms.ctl.r1.b', why: 'in another’s name' },
    { who: 'a', subject: '$KV.MS_RUNS.r1.facts.b.0', why: 'in another’s name' },
  ])('refuses $who the message to $subject ($why)', async ({ who, subject }) => {
    expect(await publishTo(await LOGINS[who as keyof typeof LOGINS](), subject)).toBe(`publish ${subject}`)
  })

  test.each(['ms.tell.r1.a', 'ms.ctl.r1.a', '$KV.MS_RUNS.r1.facts.a.0'])('lets a say %s', async (subject) => {
    expect(await publishTo(await agentA(), subject)).toBe(null)
  })

  /** An acknowledgement long after its message is no reply any more, by NATS' count. */
  test.each(['ms.call', 'ms.agent.a', '$KV.MS_RUNS.r1.state', '$JS.ACK.MS_RUN.r1.x'])('lets the controller say %s', async (subject) => {
    expect(await publishTo(await controller(), subject)).toBe(null)
  })
})

import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import { account, audienceOf } from '../../src/load/account.ts'
import { FactBook } from '../../src/load/factbook.ts'
import { Fleet } from '../../src/load/fleet.ts'
import type { Surroundings } from '../../src/load/group.ts'
import { loadScenario } from '../../src/load/scenario.ts'
import type { Account } from '../../src/load/sheets.ts'
import { sliceOf } from '../../src/load/slice.ts'
import { factsOf } from '../../src/load/survey.ts'
import type { Transport } from '../../src/net/transport.ts'
import { Metrics } from '../../src/stats/metrics.ts'

/**
 * A whole run in memory: a fleet on a transport that is a list, a clock that is moved by hand, and a test for a broker.
 *
 * The broker accepts every client and grants every subscription; what happens to a PUBLISH is the test's to say, with `deliver` and
 * `answer`.
 */
const STEP_US = 1000

export class MemoryRun {
  nowUs = 0
  readonly fleet: Fleet
  readonly around: Surroundings
  /** PUBLISHes that came, in order. */
  readonly published: { socket: number; packet: IPublishPacket }[] = []
  /** What a CONNACK says of the session. */
  sessionPresent = false
  /** Sockets that nobody reads from, and those that the fleet has closed. */
  readonly paused = new Set<number>()
  readonly closed: { socket: number; how: 'end' | 'reset'; timeUs: number }[] = []
  /** What came as CONNECT and the like, in order, by the name of the packet. */
  readonly heard: { socket: number; timeUs: number; packet: Packet }[] = []
  /** Code of each CONNACK, and how long each look at the clock takes. */
  refusal = 0
  lookUs = 0
  refusesSubscriptions = false
  /** Called with each CONNECT. */
  beforeConnack: () => void = () => undefined
  readonly fenced: number[] = []
  readonly struck: { fault: number; members: number }[] = []
  readonly noticed: { fault: number; timeUs: number }[] = []
  private readonly sockets = new Map<number, { owner: number; packets: ReturnType<typeof parser> }>()
  private readonly todo: (() => void)[] = []
  private sent = 0

  constructor(text: string) {
    const from = { brokers: ['mqtt://127.0.0.1:1'], set: [], scale: null, seed: null, durationUs: null }
    const plan = loadScenario('memory.yaml', text, from)
    const endpoint = { scheme: 'tcp', address: '127.0.0.1', family: 4, port: 1, hostname: '127.0.0.1' } as const
    this.around = {
      plan,
      run: 'abcdef',
      endpoints: [[endpoint]],
      sourceAddresses: plan.groups.map(() => []),
      files: new Map(),
      unixEpochMs: 0,
      near: null,
    }
    const nothing = () => undefined
    const listener = {
      onFault: nothing,
      onArrived: nothing,
      onCleaned: nothing,
      onFenced: (timeUs: number) => this.fenced.push(timeUs),
      onStruck: (fault: number, members: number) => this.struck.push({ fault, members }),
      onNoticed: (fault: number, timeUs: number) => this.noticed.push({ fault, timeUs }),
    }
    this.fleet = new Fleet(
      this.around,
      sliceOf(plan, 0, 1),
      () => (this.nowUs += this.lookUs),
      listener,
      plan.groups.map(() => null),
    )
    this.fleet.attach(this.transport())
  }

  /** Connects everybody, lets the settle time pass, and starts publishing: message k of a stream is due by its schedule from here. */
  start(): void {
    this.fleet.connect(this.nowUs)
    this.until(this.nowUs + 2 * this.fleet.plan.settleUs)
    this.fleet.publish(this.nowUs)
  }

  /** Moves the clock, a millisecond at a time. */
  until(timeUs: number): void {
    while (this.nowUs < timeUs) {
      this.nowUs = Math.min(timeUs, this.nowUs + STEP_US)
      this.fleet.advance(this.nowUs)
      while (this.todo.length > 0) this.todo.shift()!()
    }
  }

  /** The broker acknowledges a publish. */
  answer({ socket, packet }: MemoryRun['published'][number], reasonCode = 0): void {
    this.hand(socket, { cmd: 'puback', messageId: packet.messageId!, reasonCode })
  }

  /** The broker sends a message to the client with this number in the fleet. */
  deliver(owner: number, packet: IPublishPacket): void {
    this.hand(this.socketOf(owner), { ...packet, dup: false, ...(packet.qos > 0 && { messageId: ++this.sent }) })
  }

  /** The broker ends the client's connection. */
  kick(owner: number): void {
    const socket = this.socketOf(owner)
    this.sockets.delete(socket)
    this.fleet.onClose(owner, null)
  }

  /** The broker says something on a socket, or ends it; also on one that its client has left behind. */
  say(socket: number, packet: Packet): void {
    this.hand(socket, packet)
  }

  /** Sockets that clients have left behind. */
  ghosts(): number[] {
    return [...this.sockets].flatMap(([socket, { owner }]) => (owner >= this.fleet.clients.length ? [socket] : []))
  }

  hangUp(socket: number): void {
    const { owner } = this.sockets.get(socket)!
    this.sockets.delete(socket)
    this.fleet.onClose(owner, null)
  }

  /** Ends the run; the sums of what was counted as it came and of the final account. */
  /** @param edgesUs  where measure is cut into pieces, from its start */
  end(edgesUs: readonly number[] = []): { counts: Record<string, number>; account: Account } {
    const { fleet } = this
    fleet.finish(this.nowUs)
    const { originUs, measureStartUs: startUs, measureEndUs: endUs } = fleet
    const edges = [startUs, ...edgesUs.map((us) => startUs + us), endUs]
    const pieces = edges.slice(1).map((edgeUs, i) => ({ originUs, startUs: edges[i]!, endUs: edgeUs }))
    const taken = account(fleet, new FactBook([factsOf(fleet, this.nowUs)]), audienceOf(fleet), pieces, true)
    const metrics = new Metrics()
    metrics.deliveries.add(taken.deliveries)
    metrics.deliveries.add(fleet.metrics.deliveries.take())
    const counts = metrics.deliveries.sum().counts as Record<string, number>
    return {
      counts: Object.fromEntries(Object.entries(counts).filter(([name, count]) => count !== 0 && name !== 'arrived')),
      account: taken,
    }
  }

  private socketOf(owner: number): number {
    for (const [socket, to] of this.sockets) if (to.owner === owner) return socket
    throw new Error(`client ${owner} is not connected`)
  }

  private hand(socket: number, packet: Packet): void {
    const to = this.sockets.get(socket)
    const bytes = generate(packet, { protocolVersion: this.fleet.groups[0]!.plan.version })
    if (to) this.fleet.onData(to.owner, bytes, bytes.length)
  }

  private take(socket: number, packet: Packet): void {
    this.heard.push({ socket, timeUs: this.nowUs, packet })
    if (packet.cmd === 'connect') this.beforeConnack()
    if (packet.cmd === 'connect')
      this.hand(socket, {
        cmd: 'connack',
        returnCode: this.refusal,
        reasonCode: this.refusal,
        sessionPresent: this.sessionPresent && !packet.clean && this.refusal === 0,
      })
    else if (packet.cmd === 'subscribe')
      this.hand(socket, {
        cmd: 'suback',
        messageId: packet.messageId!,
        granted: packet.subscriptions.map(({ qos }) => (this.refusesSubscriptions ? 0x80 : qos)),
      })
    else if (packet.cmd === 'publish') this.published.push({ socket, packet })
    else if (packet.cmd === 'pingreq' && !this.paused.has(socket)) this.hand(socket, { cmd: 'pingresp' })
  }

  private transport(): Transport {
    const buffer = Buffer.alloc(1 << 16)
    let last = 0
    return {
      kind: 'stream',
      buffer,
      resumedCount: 0,
      open: (owner) => {
        const socket = ++last
        const packets = parser({ protocolVersion: this.fleet.groups[0]!.plan.version })
        packets.on('packet', (packet) => this.todo.push(() => this.take(socket, packet)))
        this.sockets.set(socket, { owner, packets })
        this.todo.push(() => this.fleet.onOpen(owner))
        return socket
      },
      send: (socket, start, end) => {
        this.sockets.get(socket)?.packets.parse(Buffer.from(buffer.subarray(start, end)))
        return true
      },
      pause: (socket) => this.paused.add(socket),
      resume: (socket) => this.paused.delete(socket),
      abandon: (socket, owner) => {
        this.paused.add(socket)
        this.sockets.get(socket)!.owner = owner
      },
      close: (socket, how) => {
        this.sockets.delete(socket)
        this.closed.push({ socket, how, timeUs: this.nowUs })
      },
      poll: () => 0,
      dispose: () => undefined,
    }
  }
}

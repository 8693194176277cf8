import { execFileSync } from 'node:child_process'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * Machines far away, made on this one: network namespaces with an address of their own each, clocks of their own (time namespaces), and a relay that
 * holds back every byte for a while, since not every kernel has netem.
 */

/** Where this host is for the namespaces: nobody has it by chance (RFC 5737). */
export const HOST = '192.0.2.1'

export class Away {
  private readonly names: string[] = []
  private readonly prefix = `ms${process.pid % 10_000}`

  /** Gives this host an address that all namespaces reach. @throws Error  we may not */
  constructor() {
    ip('addr', 'replace', `${HOST}/32`, 'dev', 'lo')
  }

  /** A namespace with a way to this host alone. @param number  1 to 200 @returns what a command is to be started with to run there */
  place(number: number): string[] {
    const name = `${this.prefix}n${number}`
    const [outer, inner] = [`${this.prefix}o${number}`, `${this.prefix}i${number}`]
    ip('netns', 'add', name)
    this.names.push(name)
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name)
    ip('addr', 'add', `198.51.100.${number}/32`, 'peer', `203.0.113.${number}/32`, 'dev', outer)
    ip('link', 'set', outer, 'up')
    const there = (...args: string[]) => ip('-n', name, ...args)
    there('link', 'set', 'lo', 'up')
    there('addr', 'add', `203.0.113.${number}/32`, 'peer', `198.51.100.${number}/32`, 'dev', inner)
    there('link', 'set', inner, 'up')
    there('route', 'add', `${HOST}/32`, 'via', `198.51.100.${number}`)
    return ['ip', 'netns', 'exec', name]
  }

  /** As if they had never been; their links go with them. */
  remove(): void {
    for (const name of this.names) ip('netns', 'del', name)
    ip('addr', 'del', `${HOST}/32`, 'dev', 'lo')
  }
}

/** What a command is to be started with to have a monotonic clock of its own. */
export function clockAhead(seconds: number): string[] {
  return ['unshare', '--time', '--monotonic', String(seconds), '--fork', '--kill-child']
}

export interface Relay {
  readonly port: number
  close(): void
}

/** Listens on HOST, and passes bytes on to a port of 127.0.0.1 and back: each a while later. */
export async function relay(to: number, thereMs: number, backMs: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    pass(near, far, thereMs)
    pass(far, near, backMs)
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function pass(from: Socket, to: Socket, delayMs: number): void {
  const later = (act: () => void) => (delayMs === 0 ? act() : setTimeout(act, delayMs))
  from.on('data', (bytes) => later(() => to.writable && to.write(bytes)))
  from.on('close', () => later(() => to.destroy()))
  from.on('error', () => {})
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

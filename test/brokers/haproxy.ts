import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../helpers/ports.ts'
import { type Node, nodeOf, untilWhole } from './cluster.ts'
import { environmentOf, requireBrokers, rootOf } from './packages.ts'
import { Process } from './process.ts'

/**
 * HAProxy as a load balancer in front of a cluster: a client gets the node with the fewest connections, and nodes are checked with an MQTT
 * CONNECT each half second. Clients of a node that fails the check twice are cut off, so that they come back elsewhere.
 */
export const requireHaproxy = (): boolean => requireBrokers('haproxy')

/** @param urls  of the nodes: `mqtt://127.0.0.1:PORT` */
export async function startHaproxy(urls: readonly string[]): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), 'haproxy-'))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, configure(port, urls))
  const program = join(rootOf('haproxy'), 'usr/sbin/haproxy')
  const process = new Process({ program, args: ['-db', '-f', file], env: environmentOf('haproxy'), folder })
  const url = `mqtt://127.0.0.1:${port}`
  const whole = () => untilWhole([{ url, process }])
  const node = nodeOf(process, 'haproxy', url, whole)
  const stop = async () => {
    await node.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await node.start()
    return Object.defineProperty(node, 'stop', { value: stop })
  } catch (error) {
    await stop()
    throw error
  }
}

/** CONNECT with version 3.1.1 and an empty client id, and the CONNACK that accepts it. */
const [CONNECT, CONNACK] = ['100c00044d5154540402000a0000', '2002']

function configure(port: number, urls: readonly string[]): string {
  const servers = urls.map((url, i) => `  server node-${i + 1} ${new URL(url).host} check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions`)
  return `
global
  maxconn 4000
defaults
  mode tcp
  timeout connect 2s
  timeout check 1s
  timeout client 1h
  timeout server 1h
  option redispatch
frontend mqtt
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance leastconn
  option tcp-check
  tcp-check connect
  tcp-check send-binary ${CONNECT}
  tcp-check expect binary ${CONNACK}
${servers.join('\n')}
`
}

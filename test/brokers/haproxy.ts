import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, startCluster } from './cluster.ts'
import { environmentOf, requireBrokers, rootOf } from './packages.ts'

/**
 * HAProxy as a load balancer in front of a cluster: a client gets the node with the fewest connections, and nodes are checked with an MQTT
 * CONNECT each half second. Clients of a node that fails the check twice are cut off, so that they come back elsewhere.
 */
export const requireHaproxy = (): boolean => requireBrokers('haproxy')

/**
 * Its one URL is that of the load balancer.
 *
 * @param urls  of the nodes: `mqtt://127.0.0.1:PORT`
 */
export function startHaproxy(urls: readonly string[]): Promise<Cluster> {
  return startCluster({
    name: 'haproxy',
    nodes: 1,
    roles: [],
    command({ folder, ports }) {
      mkdirSync(folder, { recursive: true })
      const file = join(folder, 'haproxy.cfg')
      writeFileSync(file, configure(ports.mqtt, urls))
      return { program: join(rootOf('haproxy'), 'usr/sbin/haproxy'), args: ['-db', '-f', file], env: environmentOf('haproxy'), folder }
    },
  })
}

/** CONNECT with version 3.1.1 and an empty client id, and the CONNACK that accepts it. */
const [CONNECT, CONNACK] = ['100c00044d5154540402000a0000', '2002']

function configure(port: number, urls: readonly string[]): string {
  const options = 'check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions'
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
${urls.map((url, i) => `  server node-${i + 1} ${new URL(url).host} ${options}`).join('\n')}
`
}

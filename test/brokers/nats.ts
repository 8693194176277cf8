import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, type Spec, startCluster } from './cluster.ts'
import { environmentOf, requireBrokers, rootOf } from './packages.ts'

/**
 * A NATS cluster with JetStream and MQTT 3.1.1 listeners. It is ready some seconds after its start: its nodes elect a leader, and the
 * first client makes them create the streams that hold sessions and messages of QoS 1.
 */
export const requireNats = (): boolean => requireBrokers('nats')

/** @param options.nodes  1, or at least 3: two can't elect a leader when one is lost */
export function startNats(options: { readonly nodes: number }): Promise<Cluster> {
  return startCluster({
    name: 'nats',
    nodes: options.nodes,
    roles: ['client', 'cluster', 'monitor'],
    command(spec, all) {
      mkdirSync(spec.folder, { recursive: true })
      const file = join(spec.folder, 'nats.conf')
      writeFileSync(file, configure(spec, all))
      // One thread a node keeps a cluster on a small machine polite.
      const env = { ...environmentOf('nats'), GOMAXPROCS: '1' }
      return { program: join(rootOf('nats'), 'usr/sbin/nats-server'), args: ['-c', file], env, folder: spec.folder }
    },
  })
}

function configure(
  { name, folder, ports }: Spec<'client' | 'cluster' | 'monitor'>,
  all: readonly Spec<'client' | 'cluster' | 'monitor'>[],
): string {
  const routes = all.map((other) => `"nats://127.0.0.1:${other.ports.cluster}"`)
  return [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${ports.client}"`,
    `http: "127.0.0.1:${ports.monitor}"`,
    `jetstream { store_dir: "${folder}", max_memory_store: 256MB, max_file_store: 1GB }`,
    `mqtt { listen: "127.0.0.1:${ports.mqtt}" }`,
    ...(all.length > 1 ? [`cluster { name: tests, listen: "127.0.0.1:${ports.cluster}", routes: [${routes.join(', ')}] }`] : []),
    '',
  ].join('\n')
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, startCluster } from './cluster.ts'
import { environmentOf, requireBrokers, rootOf } from './packages.ts'

/**
 * Mosquittos joined by bridges, both ways at QoS 1: each has one to the first. Nothing goes in circles: MQTT 5 bridges ask for "no local",
 * those of 3.1.1 say by a bit of their own that they are bridges.
 *
 * Trap: mosquitto 2.0.11's MQTT 5 bridges have no session that lasts, in spite of `cleansession false`.
 */
export const requireBridge = (): boolean => requireBrokers('mosquitto')

export function startBridge(options: { readonly nodes: number; readonly version: 'mqttv311' | 'mqttv50' }): Promise<Cluster> {
  return startCluster({
    name: 'bridge',
    nodes: options.nodes,
    roles: [],
    command({ index, name, folder, ports }, all) {
      mkdirSync(folder, { recursive: true })
      const file = join(folder, 'mosquitto.conf')
      const bridge = [
        `connection ${name}`,
        `address 127.0.0.1:${all[0]!.ports.mqtt}`,
        'topic # both 1',
        `bridge_protocol_version ${options.version}`,
        'cleansession false',
        'restart_timeout 1',
        'keepalive_interval 5',
      ]
      const lines = [
        // Started by root it would switch to a user who can't read its own folder.
        ...(process.getuid?.() === 0 ? ['user root'] : []),
        `persistence true\npersistence_location ${folder}/`,
        `listener ${ports.mqtt} 127.0.0.1\nallow_anonymous true`,
        ...(index > 0 ? bridge : []),
      ]
      writeFileSync(file, `${lines.join('\n')}\n`)
      const program = join(rootOf('mosquitto'), 'usr/sbin/mosquitto')
      return { program, args: ['-c', file], env: environmentOf('mosquitto'), folder }
    },
  })
}

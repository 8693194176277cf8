import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, startCluster } from './cluster.ts'
import { environmentOf, requireBrokers, rootOf } from './packages.ts'

/**
 * Mosquittos joined by bridges, both ways at QoS 1: each has one to the first. MQTT 5 bridges ask for "no local", so nothing goes in circles.
 */
export const requireBridge = (): boolean => requireBrokers('mosquitto')

/** @param options.topics  which topics cross, as mosquitto has it: `#` for all */
export function startBridge(options: { readonly nodes: number; readonly topics?: string }): Promise<Cluster> {
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
        `topic ${options.topics ?? '#'} both 1`,
        'bridge_protocol_version mqttv50',
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

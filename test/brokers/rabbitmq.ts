import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, type Spec, startCluster } from './cluster.ts'
import { epmd, erlang } from './erlang.ts'
import { requireBrokers, rootOf } from './packages.ts'

/**
 * A RabbitMQ cluster with the MQTT plugin (3.1 and 3.1.1). It takes about half a minute to start: nodes that form the cluster at the same time can
 * leave one without the leader of the client ids for good, so they come one after the other.
 */
export const requireRabbitmq = (): boolean => requireBrokers('rabbitmq')

type RabbitSpec = Spec<'amqp' | 'dist' | 'prometheus'>

/** @param options.queues  what holds the messages of persistent sessions: on one node (classic), or on all (quorum) */
export function startRabbitmq(options: { readonly nodes: number; readonly queues?: 'classic' | 'quorum' }): Promise<Cluster> {
  let epmdPort = 0
  return startCluster({
    name: 'rabbitmq',
    nodes: options.nodes,
    roles: ['amqp', 'dist', 'prometheus'],
    inTurn: true,
    async helper(folder) {
      const { port, command } = await epmd('rabbitmq', folder)
      epmdPort = port
      return command
    },
    command: (spec, all) => nodeCommand(spec, configure(spec, all, options.queues ?? 'classic'), epmdPort),
  })
}

const nameOf = (spec: RabbitSpec): string => `${spec.name}@127.0.0.1`

/** What the `rabbitmq-server` script would do, whose own process would stand between us and the node. */
function nodeCommand(spec: RabbitSpec, config: string, epmdPort: number) {
  const { folder, ports } = spec
  const versions = join(rootOf('rabbitmq'), 'usr/lib/rabbitmq/lib')
  const home = join(versions, readdirSync(versions)[0]!)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'rabbitmq.conf'), config)
  writeFileSync(join(folder, 'enabled_plugins'), '[rabbitmq_mqtt,rabbitmq_prometheus].')
  return erlang(
    'rabbitmq',
    { name: nameOf(spec), folder, distPort: ports.dist, epmdPort },
    [join(home, 'plugins')],
    [
      ...['-s', 'rabbit', 'boot', '-boot', 'start_sasl', '+W', 'w', '+P', '1048576', '+t', '5000000'],
      ...['-syslog', 'logger', '[]', '-syslog', 'syslog_error_logger', 'false', '-kernel', 'prevent_overlapping_partitions', 'false'],
    ],
    {
      RABBITMQ_HOME: home,
      RABBITMQ_NODENAME: nameOf(spec),
      RABBITMQ_USE_LONGNAME: 'true',
      RABBITMQ_DIST_PORT: String(ports.dist),
      RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
      ERL_MAX_ETS_TABLES: '50000',
    },
  )
}

function configure({ ports }: RabbitSpec, all: readonly RabbitSpec[], queues: string): string {
  return [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    `mqtt.listeners.tcp.1 = 127.0.0.1:${ports.mqtt}`,
    'prometheus.tcp.ip = 127.0.0.1',
    `prometheus.tcp.port = ${ports.prometheus}`,
    'mqtt.allow_anonymous = true',
    'mqtt.default_user = guest',
    'mqtt.default_pass = guest',
    `mqtt.durable_queue_type = ${queues}`,
    'loopback_users = none',
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
    'vm_memory_high_watermark.absolute = 1GB',
    'disk_free_limit.absolute = 50MB',
    'cluster_formation.peer_discovery_backend = classic_config',
    ...all.map((spec, i) => `cluster_formation.classic_config.nodes.${i + 1} = ${nameOf(spec)}`),
    '',
  ].join('\n')
}

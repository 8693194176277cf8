/**
 * What brokers call what is wanted of them: one table a broker, as data. A need has formulas in order of preference: the first whose metrics are
 * all there is taken, and where none is, the need is not told: null, never 0.
 *
 * Names are those of each broker's own documentation and sources; which version has which is why there are several. `test/watch/fixtures` has a
 * scrape for each.
 */
import type { MappingName, Need } from '../load/metrics-source.ts'

/** A metric (all its samples are added up), or sums and differences of some, times a factor. */
export type Formula = string | { readonly plus: readonly string[]; readonly minus?: readonly string[]; readonly times?: number }

export interface Mapping {
  readonly needs: Readonly<Partial<Record<Need, readonly Formula[]>>>
  /** Its memory is that of the machine: nothing is derived from it. */
  readonly isOfMachine?: true
}

/** The stream of a NATS server in which messages wait for sessions. */
export const MESSAGES = '$MQTT_msgs'

export const PROMETHEUS: Readonly<Record<MappingName, Mapping>> = {
  // Connections without those of absent sessions; memory is that of the machine or cgroup (emqx_mgmt, get_sys_memory). Its CPU is a share of all
  // cores, whose number it does not tell. What nobody had asked for counts as dropped there, and does not here.
  emqx: {
    isOfMachine: true,
    needs: {
      connections: ['emqx_live_connections_count', 'emqx_connections_count'],
      subscriptions: ['emqx_subscriptions_count'],
      memoryBytes: ['emqx_vm_used_memory'],
      messagesIn: ['emqx_messages_received'],
      messagesOut: ['emqx_messages_sent'],
      dropped: [
        { plus: ['emqx_messages_dropped', 'emqx_delivery_dropped'], minus: ['emqx_messages_dropped_no_subscribers'] },
        { plus: ['emqx_messages_dropped'], minus: ['emqx_messages_dropped_no_subscribers'] },
        'emqx_messages_dropped',
      ],
    },
  },
  vernemq: {
    needs: {
      connections: [
        'total_active_connections',
        { plus: ['active_mqtt_connections', 'active_mqttws_connections'] },
        'active_mqtt_connections',
      ],
      subscriptions: ['router_subscriptions'],
      queued: [
        {
          plus: ['queue_message_in'],
          minus: ['queue_message_out', 'queue_message_drop', 'queue_message_expired', 'queue_message_unhandled'],
        },
      ],
      memoryBytes: ['vm_memory_total'],
      messagesIn: ['mqtt_publish_received'],
      messagesOut: ['mqtt_publish_sent'],
      dropped: ['queue_message_drop'],
    },
  },
  // What waits is told in bytes only, and nothing of the process.
  hivemq: {
    needs: {
      connections: ['com_hivemq_networking_connections_current'],
      subscriptions: ['com_hivemq_subscriptions_overall_current'],
      messagesIn: ['com_hivemq_messages_incoming_publish_count_total', 'com_hivemq_messages_incoming_publish_count'],
      messagesOut: ['com_hivemq_messages_outgoing_publish_count_total', 'com_hivemq_messages_outgoing_publish_count'],
      dropped: ['com_hivemq_messages_dropped_count_total', 'com_hivemq_messages_dropped_count'],
    },
  },
  // TRAP: its other counters fall when connections close; and of the global ones the gauges do not fall (3.10). So counters are global, gauges not.
  // What it tells of subscriptions are consumers, one for each session and QoS: so they are not told.
  rabbitmq: {
    needs: {
      connections: ['rabbitmq_connections'],
      queued: ['rabbitmq_queue_messages', { plus: ['rabbitmq_queue_messages_ready', 'rabbitmq_queue_messages_unacked'] }],
      memoryBytes: ['rabbitmq_process_resident_memory_bytes'],
      cpuSeconds: [{ plus: ['erlang_vm_statistics_runtime_milliseconds'], times: 0.001 }],
      messagesIn: ['rabbitmq_global_messages_received_total'],
      messagesOut: ['rabbitmq_global_messages_delivered_total'],
      dropped: ['rabbitmq_global_messages_dead_lettered_maxlen_total'],
    },
  },
  // TRAP: what goes out to clients of MQTT is in no count of NATS (2.9): out_msgs stays 0. So it is not told.
  'nats-exporter': {
    needs: {
      connections: ['gnatsd_varz_connections'],
      subscriptions: ['gnatsd_varz_subscriptions'],
      queued: [`jetstream_stream_total_messages{stream_name="${MESSAGES}"}`],
      memoryBytes: ['gnatsd_varz_mem'],
      cpuCores: [{ plus: ['gnatsd_varz_cpu'], times: 0.01 }],
      messagesIn: ['gnatsd_varz_in_msgs'],
    },
  },
}

/** Topics below `$SYS/broker/`, mosquitto(8). Others tell some of them too. What waits is what is stored and not retained. */
export const SYS: Mapping = {
  needs: {
    connections: ['clients/connected', 'clients/active'],
    subscriptions: ['subscriptions/count'],
    queued: [{ plus: ['store/messages/count'], minus: ['retained messages/count'] }],
    memoryBytes: ['heap/current', 'heap/current size'],
    messagesIn: ['publish/messages/received'],
    messagesOut: ['publish/messages/sent'],
    dropped: ['publish/messages/dropped'],
  },
}

/** As with its exporter, what goes out is not told. Members of /varz, and the messages in the streams of /jsz: what is in $MQTT_msgs waits for some session. */
export const NATS: Mapping = {
  needs: {
    connections: ['connections'],
    subscriptions: ['subscriptions'],
    queued: [MESSAGES],
    memoryBytes: ['mem'],
    cpuCores: [{ plus: ['cpu'], times: 0.01 }],
    messagesIn: ['in_msgs'],
  },
}

/** A mapping of a scenario's own. */
export function ownMapping(names: Readonly<Record<string, string | undefined>>): Mapping {
  const given = Object.entries(names).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { needs: Object.fromEntries(given.map(([need, metric]) => [need, [metric]])) }
}

/**
 * `mqtt-scale sink`: a broker-shaped sink until somebody ends it, to see what a generator can do where a broker would be the limit.
 */
import { isIP } from 'node:net'
import { UsageError } from '../errors.ts'
import { machineFacts } from '../machine/facts.ts'
import { socketsPerProcess } from '../machine/layout.ts'
import type { SinkCounts } from '../sink/connections.ts'
import { startSink } from '../sink/sink.ts'
import { formatCount } from '../units.ts'
import { onSignals } from './signals.ts'
import { print } from './terminal.ts'

export interface SinkFlags {
  readonly host: string
  readonly port: number
  readonly processes: number
}

const INTERRUPTED = 130

/** @returns 130: it has no other end */
export async function sink({ host, port, processes }: SinkFlags): Promise<number> {
  const address = host === 'localhost' ? '127.0.0.1' : host
  if (isIP(address) === 0) throw new UsageError(`--host ${host}: expected an IP address of this machine, such as 127.0.0.1 or 0.0.0.0`)
  const interrupted = firstSignal()
  const sink = await startSink({ address, port, processes })
  print(`${greeting(address, sink.port, processes)}\n`)
  const trouble = await Promise.race([interrupted, sink.ended])
  const counts = await sink.stop()
  print(`${seen(counts)}\n`)
  if (trouble !== null) throw trouble
  return INTERRUPTED
}

/** The second one ends the process. */
function firstSignal(): Promise<null> {
  return new Promise((resolve) => {
    const stop = onSignals(() => {
      stop()
      resolve(null)
    })
  })
}

function greeting(address: string, port: number, processes: number): string {
  const url = `mqtt://${isIP(address) === 6 ? `[${address}]` : address}:${port}`
  const each = socketsPerProcess(machineFacts())
  const room = each === null ? '' : ` with room for ${formatCount(each * processes)} connections`
  const where = processes === 1 ? 'one process' : `${formatCount(processes)} processes`
  const among = processes === 1 ? '' : '\na message goes to those subscribers that came to the same process as its publisher'
  return `sink on ${url}, ${where}${room}${among}`
}

function seen({ connects, connected, publishes, deliveries, refused, full }: SinkCounts): string {
  const [qos0, qos1, qos2] = publishes.map(formatCount)
  return [
    `${formatCount(connects)} connections, ${formatCount(connected)} at the end`,
    `${qos0} messages of QoS 0, ${qos1} of QoS 1, ${qos2} of QoS 2; ${formatCount(deliveries)} passed on`,
    ...(refused > 0 ? [`${formatCount(refused)} connections were ended for what they sent`] : []),
    ...(full > 0 ? [`it was full ${formatCount(full)} times, and let clients wait: give it more --processes`] : []),
  ].join('\n')
}

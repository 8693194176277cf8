/** Bits a second that a cluster takes and gives: messages, acknowledgements, keep-alives; and what nodes forward to each other. */
import type { Load } from './target.ts'

/** TCP, IP and Ethernet of a packet that goes alone, which at these rates nearly each does. */
const TCP_BYTES = 52
const ACK_BYTES = 4
const PING_BYTES = 2

export interface Network {
  /** Of the whole cluster: from clients, and to them. */
  readonly inBitsPerSec: number
  readonly outBitsPerSec: number
  /** From node to node, with so many: with random places a subscriber is on another node than its publisher with 1 − 1/N. */
  readonly forwardedBitsPerSec: number
  readonly pingsPerSec: number
}

export function networkOf({ clients, publishesPerSec, fanOut, packetBytes, qosShares, keepAliveS }: Load, nodes: number): Network {
  const bits = (bytes: number) => (bytes + TCP_BYTES) * 8
  const pingsPerSec = keepAliveS === 0 ? 0 : clients / keepAliveS
  // QoS 1 has one answer; QoS 2 has one and then a pair.
  const answers = qosShares[1] + 2 * qosShares[2]
  const asks = qosShares[2]
  const deliveries = publishesPerSec * fanOut
  const message = bits(packetBytes)
  const pings = pingsPerSec * bits(PING_BYTES)
  return {
    inBitsPerSec: publishesPerSec * (message + asks * bits(ACK_BYTES)) + deliveries * answers * bits(ACK_BYTES) + pings,
    outBitsPerSec: deliveries * (message + asks * bits(ACK_BYTES)) + publishesPerSec * answers * bits(ACK_BYTES) + pings,
    forwardedBitsPerSec: deliveries * (1 - 1 / nodes) * message,
    pingsPerSec,
  }
}

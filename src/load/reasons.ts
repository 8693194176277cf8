/**
 * Reason codes as they come in: counted in an array, since most packets have one, and named once a second.
 */
import { type Event, EventKind } from '../mqtt/output.ts'
import { packetName } from '../mqtt/packet.ts'
import { countIn } from '../stats/metrics.ts'
import { formatCode } from '../units.ts'

export class Reasons {
  /** By packet type × 256 + code. */
  private readonly counts = new Float64Array(16 * 256)

  count(event: Event): void {
    switch (event.kind) {
      case EventKind.CONNACK:
      case EventKind.PUBLISHED:
      case EventKind.SUBACK:
      case EventKind.UNSUBACK:
      case EventKind.DISCONNECT:
      case EventKind.REASON:
        this.counts[event.packet * 256 + event.code]!++
    }
  }

  /** Moves what was counted into a map, e.g. by `CONNACK 0x87`. */
  settle(into: Map<string, number>): void {
    for (let i = 0; i < this.counts.length; i++) {
      if (this.counts[i] === 0) continue
      countIn(into, `${packetName(i >> 8)} ${formatCode(i & 255)}`, this.counts[i])
      this.counts[i] = 0
    }
  }
}

/**
 * The SUBSCRIBE and UNSUBSCRIBE packets of a connection that wait for their answers. They are few, so a list will do.
 *
 * Their packet identifiers count down from 65,535 through a range of their own: they never meet those of publishes.
 */
import { assert } from '../errors.ts'
import { decodeSuback } from './decode.ts'
import { EventKind, type Output } from './output.ts'
import { FIRST_FAILURE_CODE, PacketType, type ProtocolLevel, packetName, ReasonCode } from './packet.ts'
import { malformed, violation } from './protocol-error.ts'

/** As many can wait at one time: these many identifiers are theirs. */
export const MAXIMUM_PENDING = 1024
const LAST_PACKET_ID = 65_535
/** What is left to publishes: 1 to this. */
export const MAXIMUM_WINDOW = LAST_PACKET_ID - MAXIMUM_PENDING

interface Request {
  readonly packetId: number
  /** SUBACK or UNSUBACK. */
  readonly answer: number
  /** How many filters it has, and so how many events answer it. */
  readonly count: number
  readonly token: number
}

export class Pending {
  private readonly requests: Request[] = []
  private nextId = LAST_PACKET_ID

  /** Returns the packet identifier. */
  add(answer: number, count: number, token: number): number {
    assert(count > 0, 'a subscribe has a filter')
    assert(this.requests.length < MAXIMUM_PENDING, 'the owner waits for answers before it asks for more')
    while (this.requests.some((r) => r.packetId === this.nextId)) this.nextId = previous(this.nextId)
    const packetId = this.nextId
    this.nextId = previous(packetId)
    this.requests.push({ packetId, answer, count, token })
    return packetId
  }

  /** Reads a SUBACK or UNSUBACK: an event for each filter. @throws ProtocolError */
  answer(bytes: Uint8Array, body: number, end: number, packet: number, level: ProtocolLevel, out: Output): void {
    const first = out.peek()
    decodeSuback(bytes, body, end, packet, level, first)
    const { packetId, propertiesStart, propertiesEnd: codes } = first
    const at = this.requests.findIndex((r) => r.packetId === packetId && r.answer === packet)
    const request = this.requests[at]
    if (request === undefined) throw violation(`${packetName(packet)} for nothing that was asked`)
    const isSuback = packet === PacketType.SUBACK
    // An UNSUBACK of 3.x has no codes: it can't refuse.
    const hasCodes = isSuback || level === 5
    if (hasCodes && end - codes !== request.count)
      throw violation(`${packetName(packet)} with ${end - codes} codes for ${request.count} filters`)
    for (let i = codes; isSuback && i < end; i++) {
      if (bytes[i]! > 2 && bytes[i]! < FIRST_FAILURE_CODE) throw malformed(`SUBACK grants QoS ${bytes[i]}`)
    }
    this.requests.splice(at, 1)
    for (let index = 0; index < request.count; index++) {
      const event = out.add(isSuback ? EventKind.SUBACK : EventKind.UNSUBACK)
      event.packetId = packetId
      event.packet = packet
      event.code = hasCodes ? bytes[codes + index]! : ReasonCode.SUCCESS
      event.token = request.token
      event.index = index
      event.bytes = bytes
      event.propertiesStart = propertiesStart
      event.propertiesEnd = codes
    }
  }
}

/** Down to the identifiers of publishes, then from the top again. */
function previous(packetId: number): number {
  return packetId - 1 > MAXIMUM_WINDOW ? packetId - 1 : LAST_PACKET_ID
}

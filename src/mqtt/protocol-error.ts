import { ReasonCode } from './packet.ts'

/**
 * The broker broke the protocol: the connection has to be closed.
 *
 * This is an observation about the system under test, counted in the report; it never ends a run, and so it is no `MqttScaleError`.
 * With MQTT 5 the reason code is what a DISCONNECT should carry. MQTT 5.0 §4.13
 */
export class ProtocolError extends Error {
  readonly reasonCode: number

  constructor(reasonCode: number, message: string) {
    super(message)
    this.name = 'ProtocolError'
    this.reasonCode = reasonCode
  }
}

/** Bytes that can't be read: truncated, overlong, not UTF-8, reserved bits set. */
export function malformed(message: string): ProtocolError {
  return new ProtocolError(ReasonCode.MALFORMED_PACKET, message)
}

/** Bytes that can be read and say what must not be said, or not now. */
export function violation(message: string): ProtocolError {
  return new ProtocolError(ReasonCode.PROTOCOL_ERROR, message)
}

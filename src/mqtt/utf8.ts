/**
 * Text as MQTT has it: UTF-8 in its shortest form, without surrogates and without U+0000. MQTT 5.0 §1.5.4; Unicode 15, table 3-7.
 *
 * Nearly all of it is ASCII and checked where it lies, byte by byte: no string is made of a topic that only has to be passed on.
 */
import { ReasonCode } from './packet.ts'
import { malformed, ProtocolError } from './protocol-error.ts'

// A byte order mark is text like any other here: it must not be swallowed.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The text in bytes [start, end), which have been checked. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

/** @throws ProtocolError 0x81 unless bytes [start, end) are text */
export function checkText(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const byte = bytes[at]!
    if (byte >= 0x80) at = sequenceEnd(bytes, at, end)
    else if (byte === 0) throw malformed('a text contains U+0000')
    else at++
  }
}

/**
 * Checks a topic name: text, not empty, no wildcards. MQTT 5.0 §3.3.2.1, §4.7.3
 *
 * @throws ProtocolError 0x90 for wildcards and 0x81 for what isn't text
 */
export function checkTopicName(bytes: Uint8Array, start: number, end: number): void {
  if (start === end) throw malformed('the topic is empty')
  for (let at = start; at < end; ) {
    const byte = bytes[at]!
    if (byte >= 0x80) at = sequenceEnd(bytes, at, end)
    else if (byte === 0) throw malformed('a topic contains U+0000')
    else if (byte === PLUS || byte === HASH)
      throw new ProtocolError(ReasonCode.TOPIC_NAME_INVALID, 'the topic of a PUBLISH contains a wildcard')
    else at++
  }
}

const PLUS = 0x2b
const HASH = 0x23

/** Where the multi-byte sequence that starts at `at` ends. Only the second byte's range depends on the first. */
function sequenceEnd(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (length === 0 || at + length > end) throw malformed('a text is not UTF-8')
  const second = bytes[at + 1]!
  if (second < lowest || second > highest) throw malformed('a text is not UTF-8')
  for (let i = at + 2; i < at + length; i++) {
    if ((bytes[i]! & 0xc0) !== 0x80) throw malformed('a text is not UTF-8')
  }
  return at + length
}

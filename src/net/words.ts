/**
 * The words under which failures of Node's sockets are counted: few, without names, addresses and numbers.
 *
 * Errors of the system keep their code, so that `epoll` and `stream` say the same. The layers above are named first: `TLS: …`, `WebSocket: …`.
 * Which layer an error is from shows in its code, or where Node has given several layers the same one, in its text.
 */
export function errorWords(error: Error): string {
  const { code, errno, reason } = error as NodeJS.ErrnoException & { reason?: string }
  if (code === undefined) return `WebSocket: ${error.message}`
  if (code.startsWith('HPE_')) return 'WebSocket: the answer is not HTTP'
  if (code.startsWith('WS_') || code.startsWith('ERR_INVALID_')) return `WebSocket: ${error.message}`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'TLS: the certificate is for another name'
  if (reason !== undefined) return `TLS: ${reason}`
  if (code === 'EPROTO') return `TLS: ${openSslReason(error.message)}`
  // The system's have a number; Node's own don't.
  if (errno !== undefined) return code
  if (code === 'ECONNRESET') return `${error.message === 'socket hang up' ? 'WebSocket' : 'TLS'}: closed during the handshake`
  // Those of certificates: OpenSSL's words, behind which some versions of Node add advice.
  return `TLS: ${error.message.split(';')[0]}`
}

/** `write EPROTO 80F2:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../file.c:354:`: an error met while writing has it in its text only. */
function openSslReason(message: string): string {
  return /:error:[^:]*:[^:]*:[^:]*:([^:]*)/.exec(message)?.[1] ?? 'protocol error'
}

/**
 * The way to NATS: address, credentials, TLS, and what went wrong in words.
 *
 * Users write references in place of secrets in the address, as in scenarios: `nats://${env:USER}:${env:PASSWORD}@host`. The client library
 * reconnects for ever: whether that took too long is for leases to judge.
 */
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, connect, credsAuthenticator, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node'
import { EnvironmentError, UsageError } from '../errors.ts'
import { resolveSecrets } from '../load/secrets.ts'

export interface ControlOptions {
  /** `nats://` or `tls://`, maybe several with commas between them. */
  readonly url: string
  /** Paths of files. */
  readonly creds?: string | undefined
  readonly nkey?: string | undefined
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

const DEFAULT_PORT = 4222
const SAFE_BYTES = 64 * 1024
const CONNECT_MS = 5000
const RECONNECT_MS = 200
/** A connection over which nothing comes any more is given up soon: leases are short. */
const PING_MS = 2000
const PINGS = 2

/**
 * @param name  shown by the server
 * @throws UsageError, EnvironmentError
 */
export async function connectControl(options: ControlOptions, name: string): Promise<NatsConnection> {
  const { servers, user, pass, token, isTls } = readUrls(options.url)
  const authenticator = authenticatorOf(options)
  const connection: ConnectionOptions = {
    servers,
    name,
    timeout: CONNECT_MS,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS / 2,
    // A second refusal in a row would end the connection for good: credentials are renewed while runs go on.
    ignoreAuthErrorAbort: true,
    pingInterval: PING_MS,
    maxPingOut: PINGS,
    ...(user !== null && { user }),
    ...(pass !== null && { pass }),
    ...(token !== null && { token }),
    ...(authenticator && { authenticator }),
    ...((isTls || options.ca || options.cert) && { tls: tlsOf(options) }),
  }
  try {
    return await connect(connection)
  } catch (cause) {
    const error = cause as Error
    throw new EnvironmentError(`can't connect to NATS at ${servers.join(', ')}: ${wordsOf(error)}`, {
      cause,
      hint: 'is the address of --control right, does nats-server run there, and are these its credentials?',
    })
  }
}

/** What the server takes at once. While the connection is away that is not known: then it is what any server takes. */
export function maxBytesOf({ info }: NatsConnection): number {
  return info?.max_payload ?? SAFE_BYTES
}

function wordsOf(error: Error): string {
  const { code, cause } = error as Error & { code?: string; cause?: Error & { code?: string } }
  return code ?? cause?.code ?? cause?.message ?? error.message
}

function readUrls(text: string) {
  const urls = text.split(',').map((one) => readUrl(resolveSecrets(one.trim(), '.')))
  const [first] = urls
  const password = first!.password === '' ? null : decodeURIComponent(first!.password)
  const username = first!.username === '' ? null : decodeURIComponent(first!.username)
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? DEFAULT_PORT : port}`),
    // A name alone is a token, as in NATS's own tools.
    user: password === null ? null : username,
    pass: password,
    token: password === null ? username : null,
    isTls: urls.some(({ protocol }) => protocol === 'tls:'),
  }
}

function readUrl(text: string): URL {
  const hint = 'write nats://HOST:4222, or tls://HOST:4222'
  // Messages must not show a password.
  if (!URL.canParse(text)) throw new UsageError('--control is no URL', { hint })
  const url = new URL(text)
  if (!['nats:', 'tls:'].includes(url.protocol)) throw new UsageError(`--control: unknown scheme ${url.protocol}//`, { hint })
  if (url.hostname === '') throw new UsageError('--control has no host', { hint })
  return url
}

function authenticatorOf({ creds, nkey }: ControlOptions) {
  if (creds && nkey) throw new UsageError('--control-creds and --control-nkey exclude each other')
  if (creds) return credsAuthenticator(read(creds))
  return nkey ? nkeyAuthenticator(Buffer.from(read(nkey).toString().trim())) : null
}

function tlsOf({ ca, cert, key }: ControlOptions) {
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--control-cert and --control-key go together')
  for (const file of [ca, cert, key]) if (file) read(file)
  return { ...(ca && { caFile: ca }), ...(cert && { certFile: cert }), ...(key && { keyFile: key }) }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new EnvironmentError(`can't read ${path} (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

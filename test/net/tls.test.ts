/** TLS over the stream transport: whom it trusts, what it offers, and the words of its failures. */
import { existsSync, readFileSync } from 'node:fs'
import type { TlsOptions as ServerOptions, TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { EnvironmentError } from '../../src/errors.ts'
import { StreamTransport } from '../../src/net/stream.ts'
import { secureContext, type TlsFiles } from '../../src/net/tls.ts'
import type { Endpoint, OpenOptions, TlsOptions } from '../../src/net/transport.ts'
import { certificates } from '../helpers/certs.ts'
import { listen, type Peer, type PeerServer, Recorder, turns, until } from './peers.ts'

const certs = certificates()
const ca = readFileSync(certs.ca)
const trusting: TlsFiles = { ca: certs.ca, cert: null, key: null }
const withCertificate: TlsFiles = { ...trusting, ...certs.client }

let server: PeerServer
let transport: StreamTransport
let recorder: Recorder

afterEach(() => {
  transport.dispose()
  server.close()
})

async function start(scheme: 'tls' | 'wss', options: ServerOptions = {}): Promise<void> {
  server = await listen(scheme, '127.0.0.1', options)
  recorder = new Recorder()
  transport = new StreamTransport(recorder, 1024)
}

function open(owner: number, files: TlsFiles, tls: Partial<TlsOptions> = {}, endpoint: Partial<Endpoint> = {}): number {
  const options: OpenOptions = {
    localAddress: null,
    tls: { context: secureContext(files), serverName: null, alpn: [], insecure: false, resume: false, ...tls },
    ws: { path: '/mqtt', headers: {} },
  }
  return transport.open(owner, { ...server.endpoint, ...endpoint }, options)
}

async function opened(owner: number): Promise<Peer> {
  await until(transport, () => recorder.opened.includes(owner) && server.peers.length > 0)
  return server.peers.at(-1)!
}

describe.each(['tls', 'wss'] as const)('%s', (scheme) => {
  test.each([
    {
      why: 'nobody has vouched for the server',
      files: { ca: null, cert: null, key: null },
      says: 'TLS: unable to verify the first certificate',
    },
    {
      why: 'a stranger vouches for it',
      files: { ca: certs.strangerCa, cert: null, key: null },
      says: 'TLS: unable to verify the first certificate',
    },
    { why: 'it is at another address', files: trusting, hostname: '127.0.0.9', says: 'TLS: the certificate is for another name' },
    { why: 'it goes by another name', files: trusting, hostname: 'broker.example', says: 'TLS: the certificate is for another name' },
    {
      why: 'it is asked by another name',
      files: trusting,
      tls: { serverName: 'x.example' },
      says: 'TLS: the certificate is for another name',
    },
  ])('$why: $says', async ({ files, says, hostname = '127.0.0.1', tls = {} }) => {
    await start(scheme)
    open(0, files, tls, { hostname })
    await until(transport, () => recorder.closed.has(0))
    expect(recorder.closed.get(0)).toBe(says)
    expect(recorder.opened).toEqual([])
  })

  test('insecure takes any certificate', async () => {
    await start(scheme)
    open(0, { ca: null, cert: null, key: null }, { insecure: true }, { hostname: 'broker.example' })
    await opened(0)
  })

  test('the server name goes into SNI, an address does not', async () => {
    const names: (string | false)[] = []
    await start(scheme)
    const note = (peer: Peer) => names.push((peer.wire as TLSSocket & { servername: string | false }).servername)
    open(0, trusting, { serverName: 'localhost' })
    note(await opened(0))
    open(1, trusting, {}, { hostname: 'localhost' })
    await until(transport, () => server.peers.length === 2)
    note(await opened(1))
    open(2, trusting)
    await until(transport, () => server.peers.length === 3)
    note(await opened(2))
    expect(names).toEqual(['localhost', 'localhost', false])
  })

  test('a client certificate is shown to a server that asks', async () => {
    await start(scheme, { requestCert: true, rejectUnauthorized: true, ca })
    open(0, withCertificate)
    const peer = await opened(0)
    expect((peer.wire as TLSSocket).getPeerCertificate().subject.CN).toBe('client')
  })

  test.each([
    { version: 'TLSv1.2', says: /^TLS: .*handshake failure$/ },
    { version: 'TLSv1.3', says: /^TLS: .*certificate required$/ },
  ] as const)('a server that misses the certificate says so ($version)', async ({ version, says }) => {
    await start(scheme, { requestCert: true, rejectUnauthorized: true, ca, minVersion: version, maxVersion: version })
    open(0, trusting)
    await until(transport, () => recorder.closed.has(0))
    expect(recorder.closed.get(0)).toMatch(says)
  })

  test('ALPN offers what it is given', async () => {
    await start(scheme, { ALPNProtocols: ['other', 'mqtt'] })
    open(0, trusting, { alpn: ['mqtt'] })
    expect(((await opened(0)).wire as TLSSocket).alpnProtocol).toBe('mqtt')
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('an owner that may resumes its session, and only its own (%s)', async (version) => {
    await start(scheme, { minVersion: version, maxVersion: version })
    server.onData = (peer, bytes) => peer.write(bytes)
    const context = secureContext(trusting)
    for (const [owner, resume] of [
      [0, true],
      [1, false],
      [0, true],
      [1, false],
      [2, true],
      [0, true],
    ] as const) {
      recorder.opened.length = 0
      recorder.received.clear()
      const socket = open(owner, trusting, { context, resume })
      await opened(owner)
      // A round trip: the tickets of TLS 1.3 come with the first bytes.
      transport.send(socket, 0, 1)
      await until(transport, () => recorder.received.has(owner))
      transport.close(socket, 'end')
    }
    expect(transport.resumedCount).toBe(2)
  })

  test('a server that hangs up during the handshake is told apart from one that is not there', async () => {
    await start(scheme)
    const plain = await listen('tcp', '127.0.0.1')
    open(0, trusting, {}, { port: plain.endpoint.port })
    await until(transport, () => plain.peers.length === 1)
    plain.peers[0]!.end()
    await until(transport, () => recorder.closed.has(0))
    expect(recorder.closed.get(0)).toBe('TLS: closed during the handshake')
    plain.close()
  })

  test('a server that speaks no TLS is a TLS error', async () => {
    await start(scheme)
    const plain = await listen('tcp', '127.0.0.1')
    plain.onData = (peer) => peer.write(Buffer.from('what?'))
    open(0, trusting, {}, { port: plain.endpoint.port })
    await until(transport, () => recorder.closed.has(0))
    expect(recorder.closed.get(0)).toMatch(/^TLS: wrong version number/)
    plain.close()
  })
})

describe('a secure context', () => {
  test.each([
    { why: 'a file that is not there', files: { ...trusting, ca: '/no/such.pem' }, says: "TLS: /no/such.pem: can't be read (ENOENT)" },
    { why: 'a certificate without its key', files: { ...withCertificate, key: certs.server.key }, says: 'key values mismatch' },
    { why: 'a key that is none', files: { ...withCertificate, key: certs.ca }, says: certs.ca },
  ])('refuses $why', ({ files, says }) => {
    expect(existsSync(certs.ca)).toBe(true)
    expect(() => secureContext(files)).toThrow(EnvironmentError)
    expect(() => secureContext(files)).toThrow(says)
  })
})

test('nothing is told after the owner has closed during the handshake', async () => {
  await start('tls')
  const socket = open(0, trusting)
  await until(transport, () => recorder.reached.length === 1)
  transport.close(socket, 'reset')
  await turns(transport)
  expect(recorder.calls).toBe(1)
})

test('a session is that of the owner who connected, also when the socket has another by then', async () => {
  await start('tls', { minVersion: 'TLSv1.3' })
  const context = secureContext(trusting)
  const socket = open(0, trusting, { context, resume: true })
  const peer = await opened(0)
  transport.abandon(socket, 100)
  // The tickets come with the first bytes.
  transport.resume(socket)
  peer.write(Buffer.from('x'))
  await until(transport, () => recorder.text(100) === 'x')
  for (const owner of [100, 0]) {
    recorder.opened.length = 0
    open(owner, trusting, { context, resume: true })
    await opened(owner)
    expect(transport.resumedCount).toBe(owner === 0 ? 1 : 0)
  }
})

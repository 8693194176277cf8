/**
 * A small certificate authority for tests, made by the `openssl` program: a CA, a server and a client it signed, and a CA nobody trusts.
 *
 * Made once for a folder. Several test processes may ask at the same time: each makes its own set and the first to be renamed into place stays.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: { readonly cert: string; readonly key: string }
  /** Common name `client`. */
  readonly client: { readonly cert: string; readonly key: string }
  /** A CA that has signed nothing here. */
  readonly strangerCa: string
}

/** @param folder  where to keep them; by default in the project's cache folder */
export function certificates(folder = join(import.meta.dirname, '../../.cache/certificates')): Certificates {
  const path = (name: string) => join(folder, name)
  if (!existsSync(path('ca.pem'))) make(folder)
  return {
    ca: path('ca.pem'),
    server: { cert: path('server.pem'), key: path('server.key') },
    client: { cert: path('client.pem'), key: path('client.key') },
    strangerCa: path('stranger.pem'),
  }
}

function make(folder: string): void {
  mkdirSync(join(folder, '..'), { recursive: true })
  const draft = mkdtempSync(`${folder}-draft-`)
  makeAuthority(draft, 'ca')
  makeAuthority(draft, 'stranger')
  makeSigned(draft, 'server', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth\n')
  makeSigned(draft, 'client', 'extendedKeyUsage=clientAuth\n')
  // Keys too: a broker that is started as root reads them as somebody else.
  chmodSync(draft, 0o755)
  for (const file of readdirSync(draft)) chmodSync(join(draft, file), 0o644)
  try {
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true })
    if (!existsSync(join(folder, 'ca.pem'))) throw error
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function makeAuthority(folder: string, name: string): void {
  openssl(folder, 'req', '-x509', ...NEW_KEY, '-days', '3650', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
}

function makeSigned(folder: string, name: string, extensions: string): void {
  writeFileSync(join(folder, 'extensions'), extensions)
  openssl(folder, 'req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', 'request')
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
  openssl(folder, 'x509', '-req', '-in', 'request', ...signer, '-days', '3650', '-extfile', 'extensions', '-out', `${name}.pem`)
}

function openssl(folder: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
}

/**
 * TLS material: files, read and parsed before the load, so that what is wrong with them is found before a packet is sent.
 */
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { EnvironmentError } from '../errors.ts'

/** Paths of PEM files. */
export interface TlsFiles {
  /** null: the authorities that Node trusts. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
}

/**
 * Reads and parses once what all connections with it share.
 *
 * @throws EnvironmentError  a file can't be read, is no PEM, or key and certificate don't belong together
 */
export function secureContext(files: TlsFiles): SecureContext {
  const ca = read(files.ca)
  const cert = read(files.cert)
  const key = read(files.key)
  try {
    return createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
  } catch (cause) {
    const names = [files.ca, files.cert, files.key].filter((name) => name !== null).join(', ')
    throw new EnvironmentError(`TLS: ${names}: ${(cause as { reason?: string }).reason ?? (cause as Error).message}`, {
      cause,
      hint: 'PEM files; cert and key must belong together',
    })
  }
}

function read(path: string | null): Buffer | null {
  if (path === null) return null
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new EnvironmentError(`TLS: ${path}: can't be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

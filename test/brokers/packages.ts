import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Where fetch.sh unpacks a broker's packages, and what a program needs to run from there.
 *
 * A package that this system has already is not unpacked: then its files are where the system keeps them.
 */
export type Broker = 'mosquitto' | 'nats' | 'rabbitmq' | 'ejabberd' | 'haproxy'

const FETCH = fileURLToPath(new URL('fetch.sh', import.meta.url))

export const rootOf = (broker: Broker): string => fileURLToPath(new URL(`../../.cache/brokers/${broker}`, import.meta.url))

/**
 * Whether these brokers can be started; brings them where they are missing. For `describe.skipIf(!requireBrokers('nats'))`.
 *
 * @throws Error  in CI, where tests that silently don't run are worse than a failure
 */
export function requireBrokers(...brokers: readonly Broker[]): boolean {
  const fetched = spawnSync('bash', [FETCH, ...brokers], { encoding: 'utf8' })
  if (fetched.status === 0) return true
  const why = fetched.stderr || fetched.error?.message || 'fetch.sh failed'
  const names = brokers.join(' and ')
  if (process.env.CI) throw new Error(`${names} must run in CI: ${why}`)
  process.stderr.write(`\n*** The tests against ${names} DID NOT RUN: ${why.trim()} ***\n\n`)
  return false
}

/** The environment of a broker's programs: the unpacked libraries lie in folders named after the machine's architecture. */
export function environmentOf(broker: Broker): NodeJS.ProcessEnv {
  const folders = ['usr/lib', 'lib'].map((folder) => join(rootOf(broker), folder)).filter((folder) => existsSync(folder))
  const libraries = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  return { ...process.env, LD_LIBRARY_PATH: [...libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') }
}

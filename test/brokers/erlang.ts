import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../helpers/ports.ts'
import { environmentOf, rootOf } from './packages.ts'
import type { Command } from './process.ts'

/**
 * Erlang from unpacked packages. The `erl` script has its root written into it, so what it would run (`erlexec`) is run here with a root
 * of its own: the process that starts is then the node itself, to be killed and stopped by its id.
 *
 * Each cluster has its own epmd (the port mapper that nodes find each other by), since a node without one starts a daemon that nobody ends.
 */
type ErlangBroker = 'rabbitmq' | 'ejabberd'

export interface Epmd {
  readonly command: Command
  readonly port: number
}

/** Where Erlang is: unpacked, or the system's. */
function erlangRoot(broker: ErlangBroker): string {
  const unpacked = join(rootOf(broker), 'usr/lib/erlang')
  return existsSync(join(unpacked, 'bin/start.boot')) ? unpacked : '/usr/lib/erlang'
}

function binaries(root: string): string {
  const version = readdirSync(root).find((name) => name.startsWith('erts-'))
  return join(root, String(version), 'bin')
}

/** The port mapper of one cluster, on loopback. */
export async function epmd(broker: ErlangBroker, folder: string): Promise<Epmd> {
  const port = await freePort()
  const args = ['-port', String(port), '-address', '127.0.0.1']
  return { port, command: { program: join(binaries(erlangRoot(broker)), 'epmd'), args, env: environmentOf(broker), folder } }
}

/**
 * A node: an address as a long name needs no DNS.
 *
 * @param libraries  folders of applications beside Erlang's own
 */
export function erlang(
  broker: ErlangBroker,
  node: { readonly name: string; readonly folder: string; readonly distPort: number; readonly epmdPort: number },
  libraries: readonly string[],
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Command {
  const root = erlangRoot(broker)
  const dist = [
    'inet_dist_use_interface',
    '{127,0,0,1}',
    'inet_dist_listen_min',
    `${node.distPort}`,
    'inet_dist_listen_max',
    `${node.distPort}`,
  ]
  return {
    program: join(binaries(root), 'erlexec'),
    // One scheduler that does not spin keeps a cluster on a small machine polite.
    args: ['-noinput', '+K', 'true', '+S', '1:1', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none', '-start_epmd', 'false']
      .concat(['-name', node.name, '-setcookie', 'tests', '-kernel', ...dist])
      .concat(args),
    env: {
      ...environmentOf(broker),
      ROOTDIR: root,
      BINDIR: binaries(root),
      EMU: 'beam',
      PROGNAME: 'erl',
      HOME: node.folder,
      ERL_LIBS: [...libraries, join(rootOf(broker), 'usr/lib/erlang/lib')].join(':'),
      ERL_EPMD_PORT: String(node.epmdPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_CRASH_DUMP_SECONDS: '0',
      ERL_MAX_PORTS: '32000',
      ...env,
    },
    folder: node.folder,
  }
}

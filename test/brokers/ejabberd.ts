import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, type Spec, startCluster } from './cluster.ts'
import { epmd, erlang } from './erlang.ts'
import { requireBrokers, rootOf } from './packages.ts'

/** An ejabberd cluster with MQTT 3.1.1 and 5 listeners (mod_mqtt). It lets any user in, but none without a name. */
export const requireEjabberd = (): boolean => requireBrokers('ejabberd')

export async function startEjabberd(options: { readonly nodes: number }): Promise<Cluster> {
  let epmdPort = 0
  return startCluster({
    name: 'ejabberd',
    nodes: options.nodes,
    roles: ['dist'],
    account: 'tests:any',
    // Two nodes that join at the same time can fail each other.
    inTurn: true,
    async helper(folder) {
      const { port, command } = await epmd('ejabberd', folder)
      epmdPort = port
      return command
    },
    command: (spec, all) => nodeCommand(spec, all[0]!.index === spec.index ? null : nameOf(all[0]!), epmdPort),
  })
}

const nameOf = (spec: Spec<'dist'>): string => `${spec.name}@127.0.0.1`

function nodeCommand(spec: Spec<'dist'>, first: string | null, epmdPort: number) {
  const { folder, ports } = spec
  mkdirSync(join(folder, 'db'), { recursive: true })
  writeFileSync(join(folder, 'ejabberd.yml'), configure(ports.mqtt))
  const libraries = join(rootOf('ejabberd'), 'usr/lib')
  const library = readdirSync(libraries)
    .map((name) => join(libraries, name))
    .find((path) => existsSync(path) && readdirSync(path).some((name) => name.startsWith('ejabberd-')))
  return erlang(
    'ejabberd',
    { name: nameOf(spec), folder, distPort: ports.dist, epmdPort },
    [String(library)],
    ['+P', '100000', '-mnesia', 'dir', `"${join(folder, 'db')}"`, '-s', 'ejabberd', ...(first === null ? [] : ['-eval', joinTo(first)])],
    { EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'), EJABBERD_LOG_PATH: join(folder, 'ejabberd.log') },
  )
}

/** Erlang that joins a new node to the first one; a node that has been in the cluster knows it from its own data. */
const joinTo = (first: string): string => `
  Known = lists:member('${first}', mnesia:system_info(db_nodes)),
  Join = fun Join(0) -> halt(1);
             Join(N) -> case catch ejabberd_cluster:join('${first}') of
               ok -> ok;
               Error -> io:format("join: ~p~n", [Error]), timer:sleep(500), Join(N - 1)
             end end,
  case Known of true -> ok; false -> {ok, _} = application:ensure_all_started(ejabberd), Join(60) end.`

function configure(port: number): string {
  return `
hosts: [localhost]
loglevel: warning
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
listen:
  - {port: ${port}, ip: "127.0.0.1", module: mod_mqtt, backlog: 1000}
modules:
  mod_mqtt: {max_queue: 100000, session_expiry: 1 hour}
`
}

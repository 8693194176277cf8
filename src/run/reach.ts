/**
 * Which of a host's addresses take connections.
 *
 * `localhost` is ::1 and 127.0.0.1 on most machines, and many brokers listen on one of them only: half of the clients would be refused. So where
 * a node has several addresses each is tried once, and those that refuse are left out. Where none answers all stay: the run says what is wrong.
 */
import { connect } from 'node:net'
import type { Surroundings } from '../load/group.ts'
import type { Endpoint } from '../net/transport.ts'

const TIMEOUT_MS = 3000

/** The endpoints that accept a TCP connection, in their order, or all of them if none does. */
export async function reachable(endpoints: readonly Endpoint[]): Promise<readonly Endpoint[]> {
  if (endpoints.length === 1) return endpoints
  const accepts = await Promise.all(endpoints.map(acceptsConnections))
  return accepts.includes(true) ? endpoints.filter((_, i) => accepts[i]) : endpoints
}

/** Whether some group reaches its nodes over TLS and does not ask who they are. */
export function isInsecure({ plan, endpoints }: Pick<Surroundings, 'plan' | 'endpoints'>): boolean {
  const usesTls = endpoints.flat().some(({ scheme }) => scheme === 'tls' || scheme === 'wss')
  return usesTls && plan.groups.some(({ tls }) => tls.insecure)
}

function acceptsConnections({ address, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: TIMEOUT_MS })
    const end = (accepts: boolean) => {
      socket.destroy()
      resolve(accepts)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

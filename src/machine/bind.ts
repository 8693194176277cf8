/**
 * Source addresses that are this machine's though none of its interfaces shows them: a whole net may be routed to it (`ip route add local`). A socket
 * that listens for a moment tells.
 */
import { createServer } from 'node:net'
import { foreignAddresses } from './addresses.ts'
import type { SourceAddresses } from './ports.ts'

/** Of the addresses that groups are given and that are not among `own`, those that can be bound to. */
export async function routedHere(sources: SourceAddresses, own: readonly string[]): Promise<string[]> {
  const foreign = foreignAddresses(sources, own)
  const isHere = await Promise.all(foreign.map(canBind))
  return foreign.filter((_, i) => isHere[i])
}

function canBind(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: address, port: 0 }, () => server.close(() => resolve(true)))
  })
}

import { createServer } from 'node:net'

/**
 * Listen ports for brokers under test.
 *
 * Trap: a listen port inside the ephemeral range (32768 and up on Linux) fails at random with "Address already in use" while a
 * load test holds thousands of client sockets, so "any free port" of the kernel won't do for a broker in a process of its own.
 * These lie below. Somebody may still take the port between the look and the use: who starts a broker tries again.
 */
const FIRST = 10_000
const LAST = 31_999

let next = FIRST + ((process.pid * 97) % (LAST - FIRST))

/** A TCP port nobody listens on, on 127.0.0.1; not the same one twice in a row. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries <= LAST - FIRST; tries++) {
    const port = (next = next >= LAST ? FIRST : next + 1)
    if (await isFree(port)) return port
  }
  throw new Error(`no port between ${FIRST} and ${LAST} is free`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

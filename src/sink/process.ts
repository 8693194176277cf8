/**
 * A process of a sink: it listens where it is told to, and tells what it has seen, when it is asked and at its end. It ends with its parent.
 */
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Connections, type SinkCounts } from './connections.ts'

/** The first message: where to listen, and how much to let come together before it is looked at. */
export interface Place {
  readonly address: string
  readonly port: number
  /** 0: everything at once. */
  readonly gatherMs: number
}

export type SinkTelling =
  | { readonly type: 'listening' }
  | { readonly type: 'failed'; readonly code: string }
  | { readonly type: 'counts'; readonly counts: SinkCounts }

/** Between two looks at what the parent says. */
const REST_US = 200_000
/** Nobody wakes who waits on it. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4))

function serve({ address, port, gatherMs }: Place): void {
  // Who generates comes first: it is what a sink is there to see.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  const tell = (telling: SinkTelling) => process.connected && process.send!(telling)
  const connections = new Connections()
  let isOver = false
  process.on('message', () => tell({ type: 'counts', counts: connections.counts }))
  process.once('disconnect', () => {
    isOver = true
    connections.close()
  })
  const turn = () => {
    if (isOver) return
    connections.turn(REST_US)
    if (gatherMs > 0) Atomics.wait(SLEEP, 0, 0, gatherMs)
    setImmediate(turn)
  }
  try {
    connections.listen(address, port)
    tell({ type: 'listening' })
    turn()
  } catch (error) {
    tell({ type: 'failed', code: (error as NodeJS.ErrnoException).code ?? (error as Error).message })
    connections.close()
    process.disconnect()
  }
}

if (process.argv[2] === 'serve' && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('message', (place) => serve(place as Place))
}

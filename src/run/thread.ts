/**
 * A worker as a thread: what runs there, and what its controller holds of it.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Loop } from './loop.ts'
import type { Recruit } from './member.ts'
import type { Command, Telling, WorkerData } from './messages.ts'

export function threadOf(name: string, data: WorkerData): Recruit {
  return {
    name,
    start({ onTelling, onEnd }) {
      const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: data })
      let trouble: Error | null = null
      worker.on('message', (telling: Telling) => onTelling(telling))
      worker.on('error', (error) => {
        trouble = error
      })
      worker.once('exit', () => onEnd(trouble))
      return { post: (command) => worker.postMessage(command), kill: () => void worker.terminate() }
    },
  }
}

function serve(): void {
  const port = parentPort!
  const loop = new Loop(workerData as WorkerData, (telling) => port.postMessage(telling))
  port.on('message', (command: Command) => {
    loop.take(command)
    if (command.type === 'stop') port.close()
  })
  loop.run()
}

if (!isMainThread && parentPort !== null && (workerData as Partial<WorkerData> | null)?.slice !== undefined) serve()

/** Ctrl-C, and what asks a process to end: Docker, Kubernetes and systemd send SIGTERM. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Calls `take` at each of them. Returns what ends that: from then on a signal ends the process. */
export function onSignals(take: () => void): () => void {
  for (const signal of SIGNALS) process.on(signal, take)
  return () => {
    for (const signal of SIGNALS) process.off(signal, take)
  }
}

/**
 * A broker's process on this machine as a source: its CPU time and resident memory, from Linux's /proc.
 *
 * It is that process alone, without its children: mosquitto, NATS, and what runs on Erlang or Java are one process each, and a script that started
 * one is not it. With a file the number is read anew each time, so a broker that is started again is followed. Resident memory is what the kernel
 * counts as it goes; the proportional kind would make it walk the page tables of a large broker each second. proc(5)
 */
import { readFileSync } from 'node:fs'
import type { Values } from './evaluate.ts'
import type { Reader } from './source.ts'

/** USER_HZ, which is 100 wherever Node runs on Linux. */
const TICKS_PER_SEC = 100

export class ProcessReader implements Reader {
  readonly words = 'process'
  readonly isOfMachine = false
  private readonly pidOf: () => number
  /** When the process began, by its number: a number that is given to another one is not it. */
  private began: { readonly pid: number; readonly at: string } | null = null
  private readonly isFollowed: boolean

  /** @param which  its number, or the path of a file that has it */
  constructor(which: number | string) {
    this.isFollowed = typeof which === 'string'
    this.pidOf = () => (typeof which === 'string' ? pidIn(which) : which)
  }

  read(): Values {
    const pid = this.pidOf()
    let texts: { stat: string; status: string }
    try {
      texts = { stat: readFileSync(`/proc/${pid}/stat`, 'utf8'), status: readFileSync(`/proc/${pid}/status`, 'utf8') }
    } catch (error) {
      if (process.platform !== 'linux') throw new Error('only Linux tells')
      // It may end between opening its file and reading it.
      throw ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!) ? new Error('no such process') : error
    }
    const { began, ...values } = processValues(texts.stat, texts.status)
    if (this.began?.pid === pid && this.began.at !== began && !this.isFollowed) throw new Error('no such process')
    this.began ??= { pid, at: began }
    return values
  }
}

/** @returns `began` too: when the process did, in ticks since the machine did */
export function processValues(stat: string, status: string): { cpuSeconds: number; memoryBytes: number; began: string } {
  // The name, in brackets, may hold anything. What follows it begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const kibibytes = Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1])
  if (Number.isNaN(ticks + kibibytes)) throw new Error('no such process')
  return { cpuSeconds: ticks / TICKS_PER_SEC, memoryBytes: kibibytes * 1024, began: fields[19]! }
}

function pidIn(path: string): number {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`its pid file can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
  const pid = Number(text.trim().split(/\s/)[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) throw new Error('its pid file has no number of a process')
  return pid
}

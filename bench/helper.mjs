/**
 * What the benches share: the C sink and flood, a run in a process of its own, and statistics of a few passes.
 *
 * CPU and counts are taken from outside: user and system time of the whole process from /proc, messages from the sink's own counters, both at the
 * moment of one of the sink's lines. Nothing that is measured is asked how fast it was.
 *
 * With two cores or more the generator is kept on one and the sink on the next, so that they don't chase each other. BENCH_PASSES and
 * BENCH_SECONDS change how often and how long; BENCH_DIST measures another build.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const path = (name) => new URL(`../${name}`, import.meta.url).pathname
const canPin = cpus().length > 1
/** Linux counts process times in ticks of 10 ms. */
const TICK_US = 10_000

export const PASSES = Number(process.env.BENCH_PASSES ?? 5)
export const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)

/** Cores: the generator's and the sink's. */
export const GENERATOR = '0'
export const SINK = '1'

execFileSync('bash', [path('bench/build.sh')], { stdio: ['ignore', 'inherit', 'inherit'] })

function start(core, command, words) {
  const pinned = canPin && core !== null
  const child = spawn(pinned ? 'taskset' : command, pinned ? ['-c', core, command, ...words] : words, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const listeners = new Set()
  const ended = once(child.stdout, 'close')
  createInterface({ input: child.stdout }).on('line', (text) => {
    for (const listener of listeners) listener(JSON.parse(text))
  })
  /** Resolves with the first line from now on that passes. */
  const line = (passes) =>
    new Promise((resolve, reject) => {
      const listener = (found) => {
        if (!passes(found)) return
        listeners.delete(listener)
        resolve(found)
      }
      listeners.add(listener)
      ended.then(() => reject(new Error(`${command} ended early`)))
    })
  return { child, line }
}

/** User and system time of a process and all its threads, µs. */
export function cpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}

export async function withSink(words, use, core = SINK) {
  const { child, line } = start(core, path('.cache/bench/sink'), words)
  const { port } = await line((l) => 'port' in l)
  const sink = {
    port,
    kill: () => child.kill('SIGKILL'),
    next: () => line((l) => 'connections' in l),
    stop() {
      const final = line((l) => l.final)
      child.kill('SIGTERM')
      return final
    },
  }
  try {
    return await use(sink)
  } finally {
    sink.kill()
  }
}

/** One pass of a C floor, `flood` or `pace`: what it prints. */
export async function floor(program, sink, connections, seconds = SECONDS) {
  const words = ['--port', `${sink.port}`, '--connections', `${connections}`, '--seconds', `${seconds}`]
  return await start(GENERATOR, path(`.cache/bench/${program}`), words).line(() => true)
}

/**
 * Runs a scenario against a sink; `use` gets the process while it runs, and its phases. When `use` returns, both are killed.
 *
 * @param scenario  an object: JSON is YAML
 */
export async function withRun(sink, scenario, use, { transport = 'epoll', workers = 1, core = GENERATOR, flags = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mqtt-scale-bench-'))
  const file = join(folder, 'run.json')
  writeFileSync(
    file,
    JSON.stringify({ text: JSON.stringify(scenario), broker: `mqtt://127.0.0.1:${sink.port}`, transport, workers, folder }),
  )
  const { child, line } = start(core, process.execPath, [...flags, path('bench/drive.mjs'), file])
  const report = line((l) => 'report' in l).then((l) => l.report)
  report.catch(() => {})
  try {
    return await use({ pid: child.pid, phase: (name) => line((l) => l.phase === name), report })
  } finally {
    // The sink first: whoever closes first keeps its ports in TIME_WAIT for a minute, and with them the next pass would connect slowly.
    sink.kill()
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the sink counted in `seconds` of measure, and what that cost: { perSec, cpuUsPerMessage, cores, sinkCores }. */
export async function measure(sink, run, counter, seconds = SECONDS) {
  await run.phase('measure')
  // The first second of measure is left to warm up.
  let from = await sink.next()
  from = await sink.next()
  const before = cpuUs(run.pid)
  let to = from
  while (to.tS - from.tS < seconds - 0.5) to = await sink.next()
  const spentUs = cpuUs(run.pid) - before
  const count = to[counter] - from[counter]
  const lengthS = to.tS - from.tS
  return {
    perSec: count / lengthS,
    cpuUsPerMessage: spentUs / count,
    cores: spentUs / lengthS / 1e6,
    sinkCores: (to.cpuS - from.cpuS) / lengthS,
  }
}

/** Clients that publish 64 bytes at a rate in all, for long enough to be measured. */
export function publishers({ clients = 1000, qos = 0, perSec, seconds = SECONDS + 3 }) {
  return {
    // No message gets later than this: those are noted down one by one.
    settle: '4s',
    groups: {
      bench: {
        clients,
        keepAlive: '5m',
        connect: { rate: `${clients}/s` },
        publish: [
          { name: 'flat-out', topic: 'bench/plant-1/line-1/{run}/{client}', rate: `${Math.round(perSec)}/s`, qos, payload: { bytes: 64 } },
        ],
      },
    },
    phases: { warmUp: '1s', measure: `${seconds}s`, drain: '0s', cleanUp: false },
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** Median, least and most of one figure of several passes, rounded to `digits`. */
export function spread(values, digits = 2) {
  const round = (value) => Number(value.toFixed(digits))
  return { median: round(median(values)), min: round(Math.min(...values)), max: round(Math.max(...values)), passes: values.length }
}

export function say(bench, figures) {
  console.log(JSON.stringify({ bench, ...figures }))
}

import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { folder, QUICK, tool } from './tool.ts'

const AT = ['--broker', 'mqtt://192.0.2.1:1883'] // TEST-NET-1: nobody is there, and plan asks nobody

async function planOf(...args: readonly string[]) {
  const { code, stdout, stderr } = await tool(['plan', ...args, '--json'], { cwd: folder() })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('plan', () => {
  test('of quickstart says what it does and needs, for people', async () => {
    const cwd = folder()
    const { code, stdout } = await tool(['plan', 'quickstart'], { cwd })
    expect({ code, files: readdirSync(cwd) }).toEqual({ code: 0, files: [] })
    const [does, needs] = stdout.split('\nNeeds\n')
    expect(does).toMatchInlineSnapshot(`
      "quickstart: 170 clients on the embedded broker, about 13.6 s

      Groups
                     clients  connects  publishes  deliveries
        devices          160     200/s      512/s           -
        dashboards         8   1,000/s          -       512/s
        maintenance        2   1,000/s          -        64/s

      Streams
                             publishes  fan-out  packet
        devices temperature      160/s      × 1   108 B
        devices vibration        320/s      × 1   194 B
        devices status            32/s      × 3   126 B

      Load
        connects, at most      2,200/s
        publishes              512/s
        deliveries             576/s (fan-out 1.13)
        bytes to the broker    82 KiB/s
        bytes from the broker  89.6 KiB/s
        owed deliveries        4,608 of 4,096 messages in 8 s
        persistent sessions    10
      "
    `)
    expect(needs).toMatch(
      /^ +here +there is\n {2}open files +270 .*\n {2}local ports +170 .*\n {2}memory .* free\n {2}pairs of subscriber and stream +800\n$/,
    )
  })

  test.each([
    { name: 'fan-in', publishes: 1000, deliveries: 1000, pairs: 1000 },
    { name: 'fan-out', publishes: 1, deliveries: 1000, pairs: 1000 },
    { name: 'point-to-point', publishes: 500, deliveries: 500, pairs: 500 },
    { name: 'shared-subscription', publishes: 1000, deliveries: 1000, pairs: 0 },
    { name: 'connect-storm', publishes: 0, deliveries: 0, pairs: 0 },
    { name: 'mqttbs/fanout-1k', publishes: 1, deliveries: 1000, pairs: 1000 },
    { name: 'mqttbs/p2p-1k', publishes: 1000, deliveries: 1000, pairs: 1000 },
    { name: 'mqttbs/sharedsub-1k', publishes: 1000, deliveries: 1000, pairs: 0 },
    { name: '10m', publishes: 10e6 / 60 + 100, deliveries: 10e6 / 60 + 100_000, pairs: 20e6 },
  ])('$name: $deliveries deliveries a second', async ({ name, publishes, deliveries, pairs }) => {
    const plan = await planOf(name, ...AT)
    expect(plan.publishesPerSec).toBeCloseTo(publishes, 1)
    expect(plan.deliveriesPerSec).toBeCloseTo(deliveries, 1)
    expect(plan.need.pairs).toBe(pairs)
  })

  test('says where clients go, and how much has to cross from node to node', async () => {
    const three = [...AT, '--broker', 'mqtt://192.0.2.2:1883', '--broker', 'mqtt://192.0.2.3:1883']
    const plan = await planOf('cross-node', ...three)
    expect(plan.crossNodeShare).toBeCloseTo(0.8, 9)
    expect(plan.nodes.map(({ name }: { name: string }) => name)).toEqual(['node-1', 'node-2', 'node-3'])
    expect(plan.nodes.reduce((sum: number, { clients }: { clients: number }) => sum + clients, 0)).toBe(2000)
    const anywhere = await planOf('cross-node', '--set', 'groups.receivers.placement=random', ...three)
    expect(Math.abs(anywhere.crossNodeShare - 2 / 3)).toBeLessThan(0.05)
    const { stdout } = await tool(['plan', 'cross-node', ...three], { cwd: folder() })
    expect(stdout).toMatch(/^Nodes\n +clients +share +zone\n {2}node-1 +\d+ +\d+(\.\d)? % +-$/m)
    expect(stdout).toMatch(/^ {2}from node to node {6}80 % of deliveries$/m)
  })

  test('of zones knows which deliveries stay', async () => {
    const brokers = '[{name: a, url: mqtt://192.0.2.1, zone: eu}, {name: b, url: mqtt://192.0.2.2, zone: us}]'
    const zones = ['--set', `brokers=${brokers}`, '--set', 'placement={zone: "{region}"}']
    const regional = ['--set', 'groups.dashboards.scale=keep', '--set', 'groups.maintenance.subscribe=[]']
    const plan = await planOf('quickstart', ...zones, ...regional)
    expect(plan.crossNodeShare).toBe(0)
    expect(plan.nodes).toEqual([
      { name: 'a', zone: 'eu', clients: 85 },
      { name: 'b', zone: 'us', clients: 85 },
    ])
  })

  test('of one node says nothing of crossing', async () => {
    expect(await planOf('fan-in', ...AT)).toMatchObject({ crossNodeShare: 0, nodes: [{ clients: 1001 }] })
    expect((await tool(['plan', 'fan-in', ...AT], { cwd: folder() })).stdout).not.toMatch(/Nodes|node to node/)
  })

  test('says how --scale changes the fan-out', async () => {
    const plan = await planOf('10m', '--scale', '0.1%', ...AT)
    expect(plan).toMatchObject({ clients: 21_000, at100Percent: { clients: 10_011_000 } })
    expect(plan.at100Percent.fanOut).toBeCloseTo(1.6, 2)
    expect(plan.fanOut).toBeCloseTo(1, 1)
  })

  test('warns where this machine falls short, and is no error', async () => {
    const { code, stdout } = await tool(['plan', '10m', '--set', 'groups.devices.clients=12M', ...AT], { cwd: folder() })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^⚠ needs 14,011,100 open files, this process may have [\d,]+: raise the limit/m)
    expect(stdout).toMatch(/^⚠ needs 14,011,000 local ports towards one broker address, the kernel gives [\d,]+: /m)
  })

  test('warns of a report that run would refuse to write over', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'report.json'), '{}')
    const { code, stdout } = await tool(['plan', 'quickstart', '--out', cwd], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain(`⚠ would find a report in ${cwd}`)
  })

  test('takes the flags of run', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'quick.yaml'), QUICK)
    const flags = ['--set', 'groups.devices.clients=7', '--duration', '10s', '--seed', '7', '--label', 'a=b', '--workers', '2']
    const { code, stdout } = await tool(['plan', 'quick.yaml', '--json', ...flags], { cwd })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ clients: 8, publishes: 700, owed: 700 })
  })

  describe('of faults', () => {
    const FAULTS = [
      '{ name: dies, at: 2s, exec: "./kill b\\n# and wait" }',
      '{ name: out, at: 0s, drop: silent, clients: { where: { region: eu }, share: 62% }, for: 7m, return: { over: 20s, arrival: beta } }',
      '{ name: next, after: { fault: dies, is: recovered, wait: 30s }, exec: "printf \\e[2K", drop: reset, clients: { nodes: [node-1] } }',
      '{ name: last, after: { fault: out, is: ended }, drop: disconnect, clients: { groups: [devices] }, for: 5s, return: {} }',
    ]
    const WITH_FAULTS = `${QUICK.replace('t/{client}', 't/{region}')}topics: { region: [eu, us] }\nfaults:\n${FAULTS.map((f) => `  - ${f}\n`).join('')}`
    const UNTIL = ['--set', 'phases.measure={min: 10m, max: 60m, until: recovered}']

    async function rendered(...flags: readonly string[]): Promise<string> {
      const cwd = folder()
      writeFileSync(join(cwd, 'faults.yaml'), WITH_FAULTS)
      const { code, stdout, stderr } = await tool(['plan', 'faults.yaml', ...flags], { cwd })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }

    test('shows when each begins and what it does, and what measure waits for', async () => {
      const stdout = await rendered(...UNTIL)
      expect(stdout).toMatch(/^quick: 5 clients on the embedded broker, at most about 60 min$/m)
      expect(stdout.slice(stdout.indexOf('\nMeasure\n'), stdout.indexOf('\nNeeds\n'))).toBe(`
Measure
  at least  10 min
  at most   60 min, or until every fault is recovered

Faults
  dies  at 2 s                        runs ./kill b ⏎ # and wait
  out   at 0 s                        silent: 62 % of devices with region eu for 7 min, then back over 20 s (beta)
  next  30 s after dies is recovered  runs printf �[2K; reset: devices, watcher on node-1
  last  when out has ended            disconnect: devices for 5 s, then back at once
`)
    })

    test('says that run needs --allow-exec', async () => {
      expect(await rendered(...UNTIL)).toMatch(/^⚠ runs commands, of dies, next: give --allow-exec to let it$/m)
      expect(await rendered(...UNTIL, '--allow-exec')).not.toContain('--allow-exec')
      const plan = JSON.parse(await rendered(...UNTIL, '--json'))
      expect(plan.shortages).toContainEqual(expect.objectContaining({ isRefusal: true, hint: expect.stringContaining('--allow-exec') }))
      expect(plan).toMatchObject({ faults: [{ exec: './kill b\n# and wait' }, {}, {}, {}], phases: { untilRecovered: { minUs: 600e6 } } })
    })

    test('shows stretches, and nothing where there is nothing', async () => {
      const stdout = await rendered('--set', 'phases.measure={calm: 10m, storm: 5m}')
      expect(stdout).toContain('\nMeasure\n  calm   from 0 s to 10 min\n  storm  from 10 min to 15 min\n')
      expect(stdout).toMatch(/, about 15 min$/m)
      expect(await rendered('--set', 'faults=[]')).not.toMatch(/Measure|Faults/)
    })

    test('run shows its commands and starts nothing without --allow-exec', async () => {
      const cwd = folder()
      writeFileSync(join(cwd, 'faults.yaml'), WITH_FAULTS)
      const { code, stdout, stderr } = await tool(['run', 'faults.yaml', ...UNTIL], { cwd })
      expect({ code, stdout, files: readdirSync(cwd) }).toEqual({ code: 2, stdout: '', files: ['faults.yaml'] })
      expect(stderr).toBe(`error: fault dies runs a command: ./kill b ⏎ # and wait
fault next runs a command: printf �[2K
hint: give --allow-exec to let it
`)
    })
  })
})

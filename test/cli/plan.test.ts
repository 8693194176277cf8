import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { calibrationMachine } from '../../src/machine/calibration.ts'
import { machineFacts } from '../../src/machine/facts.ts'
import { sampleCalibration } from '../machine/sample-calibration.ts'
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
    // What there is differs from machine to machine.
    const rows = needs!.split('\n').map((line) => line.trim().split(/ {2,}/).slice(0, 2))
    expect(rows.map(([what, count]) => (what === 'memory' ? [what] : [what, count]))).toEqual([
      ['needs', 'there is'],
      ['files per process', '270'],
      ['files in all', '440'],
      ['processes and threads', expect.stringMatching(/^\d+$/)],
      ['epoll watches', '170'],
      ['local ports', '170'],
      ...(needs!.includes('tracked connections') ? [['tracked connections', '170']] : []),
      ['memory'],
      ['pairs of subscriber and stream', '800'],
      ['files of the embedded broker', '270'],
      [expect.stringMatching(/^1 process with \d+ workers?; the system chooses source addresses$/), undefined],
      ['', undefined],
    ])
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
    { name: '10m', publishes: 10e6 / 100 + 1000, deliveries: 10e6 / 100 + 1000, pairs: 40_660_000 },
    { name: '1m', publishes: ((999_900 / 20) * 59.5) / 120 + 100, deliveries: 100, pairs: 100 },
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
    expect(await planOf('fan-out', '--scale', '10%', ...AT)).toMatchObject({
      clients: 101,
      fanOut: 100,
      at100Percent: { clients: 1001, fanOut: 1000 },
    })
    expect(await planOf('10m', '--scale', '0.1%', ...AT)).toMatchObject({
      clients: 11_001,
      fanOut: 1,
      at100Percent: { clients: 10_001_100 },
    })
  })

  test('warns where this machine falls short, and is no error', async () => {
    const { code, stdout } = await tool(['plan', '10m', '--set', 'groups.devices.clients=12M', ...AT], { cwd: folder() })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^⚠ needs 12,101,100 local ports \(towards one broker address\), this machine has [\d,]+: sysctl -w /m)
    expect(stdout).toMatch(/^ {2}it takes [\d,]+ machines like this one, for .*local ports/m)
  })

  test('of a broker on this machine uses as many of its addresses as the ports ask for', async () => {
    const plan = await planOf('1m', '--broker', 'mqtt://localhost:1883')
    const [devices] = plan.sourceAddresses
    expect(plan.need).toMatchObject({ clients: 1_000_000, ends: 2_000_000, sources: devices.length })
    expect(plan.need.ports).toBeLessThanOrEqual((plan.machine.ports.last - plan.machine.ports.first + 1) / 2)
    const { stdout } = await tool(['plan', '10m', '--scale', '10%', '--broker', 'mqtt://127.0.0.1'], { cwd: folder() })
    expect(stdout).toMatch(/source addresses, 127\.0\.0\.2 to 127\.0\.\d+\.\d+$/m)
  })

  test('says which source addresses this machine lacks', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'quick.yaml'), QUICK)
    const lacks = ['--set', 'groups.devices.sourceAddresses=[192.0.2.77]', ...AT]
    const { code, stdout } = await tool(['plan', 'quick.yaml', ...lacks], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^⚠ this machine has no address 192\.0\.2\.77; it has .*: sourceAddresses are addresses of the machine/m)
    expect(await tool(['run', 'quick.yaml', ...lacks], { cwd })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: this machine has no address 192\.0\.2\.77; /),
    })
    expect(readdirSync(cwd)).toEqual(['quick.yaml'])
  })

  test('has the processes that are wanted, and says where they are too few', async () => {
    expect(await planOf('fan-in', ...AT, '--processes', '3')).toMatchObject({ need: { processes: 3 } })
    const { stdout } = await tool(['plan', '10m', ...AT, '--processes', '1'], { cwd: folder() })
    expect(stdout).toMatch(/^⚠ needs 10,001,200 files per process .*: --processes \d+, or ulimit -n /m)
  })

  test('warns of rates above those that this machine was measured to reach', async () => {
    const cwd = folder()
    const file = join(cwd, 'calibration.json')
    writeFileSync(file, JSON.stringify(sampleCalibration(calibrationMachine(machineFacts()))))
    const env = { MQTT_SCALE_CALIBRATION: file }
    const { stdout } = await tool(['plan', '10m', ...AT], { cwd, env })
    expect(stdout).toMatch(/^⚠ connects at 21,100\/s, and this machine was measured to do [\d,]+\/s: the run judges itself/m)
    const small = await tool(['plan', 'fan-in', ...AT, '--json'], { cwd, env })
    expect(JSON.parse(small.stdout)).toMatchObject({ shortages: [], calibration: { connectsPerSec: { value: 20_000 } } })
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

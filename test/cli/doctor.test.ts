import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { renderDoctor } from '../../src/cli/doctor.ts'
import { calibrationMachine } from '../../src/machine/calibration.ts'
import { machineFacts } from '../../src/machine/facts.ts'
import { sampleCalibration } from '../machine/sample-calibration.ts'
import { factsOf, GIB, sampleFacts } from '../machine/sample-facts.ts'
import { folder, tool } from './tool.ts'

const NONE = { calibration: null, problem: null }
const FILE = 'calibration.json'

/** As users of an installation see it: `npm test` would have them type npx. */
const rendered = (...of: Parameters<typeof renderDoctor>) => renderDoctor(...of).replaceAll('npx mqtt-scale', 'mqtt-scale')

describe('doctor, of a machine', () => {
  test('says what it can hold, what limits it, and what lifts that', () => {
    expect(`\n${rendered(sampleFacts(), NONE)}`).toMatchInlineSnapshot(`
      "
      This machine can hold about 2,980,000 clients in 150 processes; files in all limit it first.
      Towards one broker address elsewhere it is 28,232, for the local ports of its one IPv4 address.

      Limits
                                    there is    clients
        files per process             20,000             19,900 clients each: more take more processes
        files in all               2,999,000  2,983,782  ← limits first
        processes and threads        126,750
        epoll watches              7,400,000  7,400,000
        local ports                   28,232             × 1 address here, × those of the broker
        tracked connections             none             tracking is not loaded
        memory                        30 GiB  4,129,886
        local port range         32768–60999
        socket buffers               2.9 GiB             one page each for 760,000 sockets
        cores                              8             7 workers by default
        accept queue                   4,096             and 2,048 handshakes, of a broker here
        connection table       262,144 lists
        clock source                     tsc

      To hold more
        files in all       sysctl -w fs.file-max=6000000
        memory             more RAM
        epoll watches      sysctl -w fs.epoll.max_user_watches=20000000
        files per process  ulimit -n 1048576
                           LimitNOFILE=1048576 (systemd)
                           --ulimit nofile=1048576 (docker)
        local ports        sysctl -w net.ipv4.ip_local_port_range="1024 65535"
                           ip address add ADDRESS/PREFIX dev INTERFACE, and sourceAddresses
                           more addresses or ports of the broker
        socket buffers     sysctl -w net.ipv4.tcp_mem="760000 1520000 3040000"

      Calibration
        not calibrated: mqtt-scale doctor --calibrate
      "
    `)
  })

  test('with traps, in a container, and with a calibration', () => {
    const group = '/sys/fs/cgroup/user.slice'
    const files = {
      [`${group}/memory.max`]: `${2 * GIB}`,
      [`${group}/memory.current`]: `${GIB}`,
      [`${group}/cpu.max`]: '150000 100000',
      '/proc/sys/net/ipv4/ip_local_port_range': '32768 61000',
      '/proc/sys/net/core/somaxconn': '128',
      '/proc/sys/net/netfilter/nf_conntrack_max': '65536',
      '/proc/sys/net/netfilter/nf_conntrack_count': '120',
      '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'hpet',
    }
    expect(`\n${rendered(factsOf(files), { calibration: sampleCalibration(), problem: null })}`).toMatchInlineSnapshot(`
      "
      This machine can hold about 65,400 clients in 4 processes; tracked connections limit it first.
      Towards one broker address elsewhere it is 28,233, for the local ports of its one IPv4 address.
      ⚠ local port range 32768–61000: both ends are even; in one test connects fell from 6,000/s to 70/s
      ⚠ clock source hpet: each reading of this clock takes microseconds, and every message takes some

      Limits
                                    there is    clients
        files per process             20,000             19,900 clients each: more take more processes
        files in all               2,999,000  2,983,782
        processes and threads        126,750
        epoll watches              7,400,000  7,400,000
        local ports                   28,233             × 1 address here, × those of the broker
        tracked connections           65,416     65,416  ← limits first
        memory                         1 GiB    126,477  the container’s limit is 2 GiB
        local port range         32768–61000             ⚠ see above
        socket buffers               2.9 GiB             one page each for 760,000 sockets
        cores                            1.5             1 worker by default
        accept queue                     128             and 2,048 handshakes, of a broker here
        connection table       262,144 lists
        clock source                    hpet             ⚠ see above

      To hold more
        local port range     sysctl -w net.ipv4.ip_local_port_range="32768 61001"
        clock source         echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource
        tracked connections  sysctl -w net.netfilter.nf_conntrack_max=2000000
        memory               a higher memory limit of the container (docker --memory)
        files in all         sysctl -w fs.file-max=6000000
        epoll watches        sysctl -w fs.epoll.max_user_watches=20000000
        files per process    ulimit -n 1048576
                             LimitNOFILE=1048576 (systemd)
                             --ulimit nofile=1048576 (docker)
        local ports          sysctl -w net.ipv4.ip_local_port_range="1024 65535"
                             ip address add ADDRESS/PREFIX dev INTERFACE, and sourceAddresses
                             more addresses or ports of the broker
        socket buffers       sysctl -w net.ipv4.tcp_mem="760000 1520000 3040000"
        accept queue         sysctl -w net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=65535

      Calibration
                           measured
        connects           20,000/s  1 worker, 1 process, 2026-11-29
        publishes, QoS 0  200,000/s  1 worker, 1 process, 2026-11-29
        publishes, QoS 1  100,000/s  1 worker, 1 process, 2026-11-29
        publishes, QoS 2   50,000/s  1 worker, 1 process, 2026-11-29
        receives          150,000/s  1 worker, 1 process, 2026-11-29
        an idle client     1.66 KiB  1 worker, 1 process, 2026-11-29
        a process          28.6 MiB  1 worker, 1 process, 2026-11-29
        timers late, p50     300 µs  1 worker, 1 process, 2026-11-29
        timers late, p99     900 µs  1 worker, 1 process, 2026-11-29
      "
    `)
  })

  test('that tells nothing says so, and what was wrong with a calibration', () => {
    const facts = sampleFacts({
      ...{ openFiles: { soft: null, hard: null }, allFiles: null, tasks: null, epollWatches: null, ports: null, conntrack: null },
      ...{ socketBuffers: null, acceptQueue: null, synBacklog: null, connectionLists: null, clockSource: null, addresses: [] },
      memory: { totalBytes: 1e15, availableBytes: 1e15, limitBytes: null, swapBytes: null },
    })
    const text = rendered(facts, { calibration: null, problem: '/x/calibration.json is not JSON: it is ignored' })
    expect(text).toMatch(/^No limit of this machine is known\.\n/)
    expect(text).toMatch(
      /\nCalibration\n {2}⚠ \/x\/calibration\.json is not JSON: it is ignored\n {2}not calibrated: mqtt-scale doctor --calibrate\n$/,
    )
  })

  test('fits 100 columns', () => {
    const worst = {
      ...{ '/proc/sys/net/ipv4/ip_local_port_range': '32768 61000', '/proc/sys/net/core/somaxconn': '128' },
      '/proc/sys/net/ipv4/tcp_ehash_entries': '-65536',
      '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'acpi_pm',
    }
    for (const facts of [sampleFacts(), factsOf(worst), machineFacts()]) {
      const lines = renderDoctor(facts, { calibration: sampleCalibration(), problem: null }).split('\n')
      expect(lines.filter((line) => line.length > 100)).toEqual([])
    }
  })
})

describe('doctor', () => {
  test('of this machine begins with the answer', async () => {
    const { code, stdout, stderr } = await tool(['doctor'], { env: { MQTT_SCALE_CALIBRATION: join(folder(), FILE) } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^This machine can hold about [\d,]+ clients in ([\d,]+ processes|one process); [a-z ]+ limits? it first\.\n/)
    expect(stdout).toMatch(/ ← limits first\n/)
    expect(stdout).toMatch(/\nCalibration\n {2}not calibrated: mqtt-scale doctor --calibrate\n$/)
  })

  test('gives the same as JSON, with what is known of the machine', async () => {
    const file = join(folder(), FILE)
    const { code, stdout } = await tool(['doctor', '--json'], { env: { MQTT_SCALE_CALIBRATION: file } })
    expect(code).toBe(0)
    const found = JSON.parse(stdout)
    expect(found).toMatchObject({ calibration: null, calibrationProblem: null, machine: { cpu: machineFacts().cpu } })
    const first = found.rows.find(({ limitsFirst }: { limitsFirst: boolean }) => limitsFirst)
    expect(first).toMatchObject({ name: found.limitedBy, allows: found.clients })
  })

  test('shows a calibration of this machine, and no other', async () => {
    const cwd = folder()
    const env = { MQTT_SCALE_CALIBRATION: join(cwd, FILE) }
    writeFileSync(join(cwd, FILE), JSON.stringify(sampleCalibration(calibrationMachine(machineFacts()))))
    expect((await tool(['doctor'], { env })).stdout).toMatch(/^ {2}connects +20,000\/s {2}1 worker, 1 process, 2026-11-29$/m)
    writeFileSync(join(cwd, FILE), JSON.stringify(sampleCalibration()))
    expect((await tool(['doctor'], { env })).stdout).toMatch(
      /^ {2}⚠ .*calibration\.json was made with the CPU EPYC, and this is .*: it is ignored$/m,
    )
  })

  test('--calibrate spends no minutes on what can’t be kept', async () => {
    const file = join(folder(), 'file')
    writeFileSync(file, '')
    const before = Date.now()
    const { code, stdout, stderr } = await tool(['doctor', '--calibrate'], { env: { MQTT_SCALE_CALIBRATION: join(file, FILE) } })
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: the calibration can't be written to ${join(file, FILE)} (EEXIST)\nhint: say where it may be: MQTT_SCALE_CALIBRATION=FILE\n`,
    })
    expect(Date.now() - before).toBeLessThan(10_000)
  })
})

import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { tool } from './tool.ts'

describe('help', () => {
  test('names the commands of this version', async () => {
    const { code, stdout } = await tool(['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: mqtt-scale [options] [command]

      Load testing and capacity planning for MQTT broker clusters

      Options:
        --version                    print the version
        --help                       print this help

      Commands:
        run [options] <scenario>     run it; writes a report folder
        plan [options] <scenario>    what the run would do and need, before a packet
                                     is sent
        doctor [options]             what this machine can hold, what limits it first,
                                     and what lifts that
        init [name]                  copy a commented scenario to start from; never
                                     overwrites
        clean [options] <run>        remove what a run left on the broker: persistent
                                     sessions and retained messages
        report [options] <path...>   make a report in another form
        agent [options]              serve slices of somebody’s run, until it is ended
        sink [options]               acknowledge everything, as a broker would, to see
                                     what a generator can do
        compare [options] [what...]  baseline runs against candidate runs: is it
                                     worse, surely?
        search [options] <scenario>  the highest load that still meets the SLO, as an
                                     interval
        size [options] <target>      how large a cluster the target needs, from
                                     measured runs

      Start with: mqtt-scale run quickstart
      "
    `)
  })

  test('of run names its flags', async () => {
    const { code, stdout } = await tool(['run', '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: mqtt-scale run [options] <scenario>

      run it; writes a report folder

      Arguments:
        scenario                 a file, or the name of a scenario that ships

      Options:
        --broker <url>           in place of the scenario’s brokers; repeatable, for a
                                 cluster
        --duration <time>        length of measure: 30s, 5m
        --set <path=value>       change a value of the scenario; repeatable
        --scale <share>          multiply clients and group rates: 10%, 250%
        --seed <n>               another seed: other timings of the same load
        --workers <n>            worker threads (default: cores − 1)
        --processes <n>          processes (default: as many as the limit of open
                                 files asks for)
        --allow-target <target>  connect to nothing else: HOST[:PORT] or a CIDR block;
                                 repeatable
        --skip-probe             start the load without a look at the nodes before
        --allow-exec             run the commands that the scenario’s faults have
        --metrics <node=source>  read the node’s own figures: URL, sys, pid:NUMBER,
                                 pidFile:PATH or nats:URL; repeatable
        --label <key=value>      a label in the report; repeatable
        --out <folder>           report folder (default: reports/NAME-TIME)
        --force                  write over a report that is there
        --repeat <n>             so many runs, one after the other, to compare with
                                 others
        --json                   the report as JSON on stdout
        --quiet                  no progress and no summary: errors only
        --report <format=file>   one more report, as text, html, md, junit, csv, json;
                                 repeatable
        --agents <n>             let so many agents generate the load, on other
                                 machines: needs --control
        --control <url>          NATS server where agents and controllers meet:
                                 nats://[USER:PASSWORD@]HOST[:PORT] or tls://
        --control-creds <file>   credentials for it: JWT and seed
        --control-nkey <file>    credentials for it: an nkey seed
        --control-ca <file>      certificates of those who vouch for it
        --control-cert <file>    certificate to show it, with --control-key
        --control-key <file>     key of that certificate
        --help                   print this help
      "
    `)
  })

  test('comes on stderr, as an error, where no command is named', async () => {
    const { code, stdout, stderr } = await tool([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: mqtt-scale')
  })
})

test('--version prints the version of the package', async () => {
  expect(await tool(['--version'])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
})

describe('a wrong command line ends with 2, starts nothing, and says what was expected', () => {
  test.each([
    { args: ['rnu', 'quickstart'], error: "unknown command 'rnu'\n(Did you mean run?)" },
    { args: ['run'], error: "missing required argument 'scenario'" },
    { args: ['run', 'quickstart', '--bokers', 'x'], error: "unknown option '--bokers'" },
    { args: ['run', 'quickstart', 'fan-in'], error: "too many arguments for 'run'" },
    { args: ['run', 'quickstart', '--scale', '10'], error: 'expected a share such as 95%' },
    { args: ['run', 'quickstart', '--scale', '0%'], error: 'must be above 0' },
    { args: ['run', 'quickstart', '--duration', '30'], error: 'expected a duration such as 250ms, 30s, 5m or 2h' },
    { args: ['run', 'quickstart', '--duration', '-5s'], error: 'must be above 0' },
    { args: ['run', 'quickstart', '--workers', 'two'], error: 'expected a whole number' },
    { args: ['run', 'quickstart', '--processes', '0'], error: 'must be above 0' },
    { args: ['run', 'quickstart', '--processes', '1.5'], error: 'expected a whole number' },
    { args: ['run', 'quickstart', '--seed', '-1'], error: 'expected a whole number from 0 to 4294967295' },
    { args: ['run', 'quickstart', '--repeat', '0'], error: 'must be above 0' },
    { args: ['run', 'quickstart', '--repeat', '101'], error: 'must not be above 100' },
    { args: ['run', 'quickstart', '--label', 'owner'], error: 'expected KEY=VALUE' },
    { args: ['run', 'quickstart', '--report', 'pdf=x.pdf'], error: 'expected FORMAT=FILE, with one of text, html, md, junit, csv, json' },
    { args: ['run', 'quickstart', '--report', 'html=/nowhere/x.html'], error: "can't write to /nowhere (ENOENT)" },
    { args: ['run', 'quickstart', '--set', 'clients'], error: 'expected path=value' },
    { args: ['run', 'quickstart', '--broker', 'localhost'], error: 'expected a URL such as mqtt://127.0.0.1:1883' },
    {
      args: ['run', 'fan-in', '--broker', 'mqtt://127.0.0.1', '--allow-target', '10.0.0.0/33'],
      error: '--allow-target 10.0.0.0/33: expected',
    },
    {
      args: ['run', 'fan-in', '--broker', 'mqtt://127.0.0.1', '--allow-target', '10.0.0.0/8'],
      error: '127.0.0.1:1883 is not among the allowed targets',
    },
    {
      args: ['compare', '--ab', 'quickstart', 'quickstart', '--report', 'md=/nowhere/x.md'],
      error: "can't write to /nowhere (ENOENT)",
    },
    { args: ['run', 'fan-in', '--broker', 'mqtt://h', '--metrics', 'sys'], error: '--metrics: expected NODE=SOURCE' },
    { args: ['run', 'fan-in', '--broker', 'mqtt://h', '--metrics', 'node-1=ftp://me:secret@h'], error: '--metrics: expected a URL (' },
    { args: ['run', 'fan-in', '--broker', 'mqtt://h', '--metrics', 'node-2=sys'], error: '--metrics node-2: there is no such node' },
    {
      args: [
        ...['run', 'fan-in', '--broker', 'mqtt://127.0.0.1', '--allow-target', '127.0.0.1:1883'],
        ...['--metrics', 'node-1=http://me:secret@127.0.0.1:15692/metrics'],
      ],
      error: '127.0.0.1:15692 is not among the allowed targets',
    },
    { args: ['run', 'quickstart', '--metrics', 'node-1=sys'], error: '--metrics: the embedded broker has no figures of its own' },
    { args: ['clean', '/nowhere'], error: "can't read /nowhere (ENOENT)" },
  ])('$args', async ({ args, error }) => {
    const { code, stdout, stderr } = await tool(args)
    expect(stderr).toContain(error)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})

describe('colour', () => {
  const ESCAPE = String.fromCharCode(27)
  const ended = (env: Record<string, string>) => tool(['run', 'nothing-like-this'], { env })

  test('is not used where there is no terminal', async () => expect((await ended({})).stderr).not.toContain(ESCAPE))
  test('is used where it is forced', async () => expect((await ended({ FORCE_COLOR: '1' })).stderr).toContain(ESCAPE))
  test('is not used with NO_COLOR, even then', async () => {
    expect((await ended({ FORCE_COLOR: '1', NO_COLOR: '1' })).stderr).not.toContain(ESCAPE)
  })
})

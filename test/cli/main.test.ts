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
        --version                  print the version
        --help                     print this help

      Commands:
        run [options] <scenario>   run it; writes a report folder
        plan [options] <scenario>  what the run would do and need, before a packet is
                                   sent
        init [name]                copy a commented scenario to start from; never
                                   overwrites
        clean [options] <run>      remove what a run left on the broker: persistent
                                   sessions and retained messages

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
        --set <path=value>       change a value of the scenario; repeatable
        --scale <share>          multiply clients and group rates: 10%, 250%
        --seed <n>               another seed: other timings of the same load
        --duration <time>        length of measure: 30s, 5m
        --workers <n>            worker threads (default: cores − 1)
        --out <folder>           report folder (default: reports/NAME-TIME)
        --force                  write over a report that is there
        --json                   the report as JSON on stdout
        --quiet                  no progress and no summary: errors only
        --label <key=value>      a label in the report; repeatable
        --report <format=file>   one more report, html or text; repeatable
        --allow-target <target>  connect to nothing else: HOST[:PORT] or a CIDR block;
                                 repeatable
        --skip-probe             start the load without a look at the nodes before
        --allow-exec             run the commands that the scenario’s faults have
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
    { args: ['run', 'quickstart', '--seed', '-1'], error: 'expected a whole number from 0 to 4294967295' },
    { args: ['run', 'quickstart', '--label', 'owner'], error: 'expected KEY=VALUE' },
    { args: ['run', 'quickstart', '--report', 'pdf=x.pdf'], error: 'expected FORMAT=FILE, with html or text' },
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
    { args: ['clean', '/nowhere'], error: "can't read /nowhere (ENOENT)" },
  ])('$args', async ({ args, error }) => {
    const { code, stdout, stderr } = await tool(args)
    expect(stderr).toContain(error)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})

describe('what comes with a later version is said to be not in this one', () => {
  test.each([
    ['search', 'fan-in'],
    ['size', '1M', '--slo', 'x'],
    ['compare', '--base', 'a', '--candidate', 'b'],
    ['report', 'reports/x', '--format', 'md'],
    ['agent', '--control', 'nats://127.0.0.1'],
    ['doctor'],
    ['sink', '--port', '1883'],
  ])('%s', async (command, ...rest) => {
    const { code, stderr } = await tool([command, ...rest])
    expect({ code, stderr }).toEqual({ code: 2, stderr: `error: ${command} is not in this version of mqtt-scale\n` })
  })

  test.each([
    ['--processes', '2'],
    ['--control', 'nats://127.0.0.1'],
    ['--agents', '2'],
    ['--repeat', '3'],
    ['--report', 'junit=x.xml'],
  ])('%s', async (...flag) => {
    const { code, stderr } = await tool(['run', 'quickstart', ...flag])
    expect(code).toBe(2)
    expect(stderr).toContain(`error: ${flag[1]?.startsWith('junit') ? '--report junit' : flag[0]} is not in this version of mqtt-scale\n`)
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

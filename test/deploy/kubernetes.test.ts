import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { folder, tool } from '../cli/tool.ts'
import { commandFaults, referenceFaults, selectorFaults } from './fit.ts'
import { build, type Manifest, strays } from './kustomize.ts'
import { containersOf, jobOf, workloads } from './objects.ts'
import { agentFaults, controllerFaults, imageFaults, resourceFaults, securityFaults } from './pods.ts'
import { schemaFaults } from './schema.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DEPLOY = join(ROOT, 'deploy/kubernetes')
const BASE = join(DEPLOY, 'base')
const EXAMPLE = join(DEPLOY, 'example')
const README = readFileSync(join(DEPLOY, 'README.md'), 'utf8')

/** What the README's line writes, run as it stands there. */
const USERS = execFileSync('bash', ['-c', /^for user in .*$/m.exec(README)![0].replace('> nats-users.env', '')], { encoding: 'utf8' })

const example = (): Manifest[] => build(EXAMPLE, { 'nats-users.env': USERS })

/** Whether this machine has it: what needs it is left out otherwise. */
const hasProgram = (name: string, ...args: readonly string[]): boolean => spawnSync(name, args).status === 0

/** Every rule that the overlay of the example has to keep. */
const faultsOf = async (objects: readonly Manifest[]): Promise<string[]> => [
  ...(await Promise.all(objects.map(schemaFaults))).flat(),
  ...[selectorFaults, referenceFaults, commandFaults, securityFaults, resourceFaults, agentFaults, controllerFaults].flatMap((rule) =>
    rule(objects),
  ),
  ...imageFaults(objects, packageJson.version),
]

describe('deploy/kubernetes', () => {
  test.each(example().map((it) => ({ name: `${it.kind} ${it.metadata.name}`, it })))('$name is as the schema wants it', async ({ it }) => {
    expect(await schemaFaults(it)).toEqual([])
  })

  test('the example keeps every rule', async () => {
    expect(await faultsOf(example())).toEqual([])
  })

  test('the base lacks what an overlay brings, and nothing else', () => {
    const objects = build(BASE)
    expect(new Set(referenceFaults(objects).map((fault) => fault.replace(/^.*: /, '')))).toEqual(
      new Set(['there is no Secret nats-users', 'there is no ConfigMap scenario']),
    )
    expect(controllerFaults(objects)).toEqual(['waits for  agents', 'has no broker'])
    const rest = [selectorFaults, commandFaults, securityFaults, resourceFaults, agentFaults]
    expect(rest.flatMap((rule) => rule(objects))).toEqual([])
  })

  test('every file of a folder is in its kustomization', () => {
    expect([BASE, EXAMPLE].flatMap(strays)).toEqual([])
  })

  test('no object has a namespace or is a Secret, and no user has a password', () => {
    const files = execFileSync('git', ['ls-files', DEPLOY], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n')
    const manifests = files
      .filter((name) => name.endsWith('.yaml'))
      .flatMap((name) => parseAllDocuments(readFileSync(join(ROOT, name), 'utf8')).map((it) => it.toJS() as Partial<Manifest>))
    expect(manifests.length).toBeGreaterThan(8)
    expect(manifests.filter(({ kind, metadata }) => kind === 'Secret' || (metadata && 'namespace' in metadata))).toEqual([])
    expect(readFileSync(join(BASE, 'nats.conf'), 'utf8').match(/password: .*/g)).toEqual([
      'password: $NATS_CONTROLLER_PASSWORD',
      'password: $NATS_AGENT_PASSWORD',
    ])
  })

  test('the users’ file can’t be committed, and without it nothing is built', () => {
    const file = join(EXAMPLE, 'nats-users.env')
    expect(spawnSync('git', ['check-ignore', '--quiet', file], { cwd: ROOT }).status).toBe(0)
    if (!existsSync(file)) expect(() => build(EXAMPLE)).toThrow('nats-users.env')
  })

  test.skipIf(!hasProgram('openssl', 'version'))('passwords made by the README’s line are none that NATS takes for a number', () => {
    expect(USERS).toMatch(/^controller=p[0-9a-f]{48}\nagent=p[0-9a-f]{48}\n$/)
  })

  test('the example’s scenario is one that mqtt-scale plans, within what its agents may hold', async () => {
    const agents = jobOf(example(), 'agents').spec
    const brokers = ['--broker', 'mqtt://127.0.0.1:1', '--broker', 'mqtt://127.0.0.1:2']
    const { code, stdout } = await tool(['plan', join(EXAMPLE, 'scenario.yaml'), ...brokers, '--json'])
    expect(code).toBe(0)
    const { clients } = JSON.parse(stdout) as { clients: number }
    const most = /--max-clients=(\d+)/.exec(String(agents.template.spec.containers[0]!.args))![1]
    expect(clients / agents.completions!).toBeLessThanOrEqual(Number(most))
  })

  test('exit codes are those of the README, in the controller’s comment and its policy', () => {
    const codesOf = (text: string, row: RegExp) => [...text.matchAll(row)].map((match) => Number(match[1]))
    // No run is inconclusive: 5 is of commands that weigh several.
    const codes = codesOf(readFileSync(join(ROOT, 'README.md'), 'utf8'), /^\| (\d+) +\|/gm).filter((code) => code !== 5)
    expect(codes).toContain(4)
    expect(codesOf(readFileSync(join(BASE, 'controller.yaml'), 'utf8'), /^# {3}(\d+) /gm)).toEqual(codes)
    expect(codesOf(README, /^\| (\d+) +\|/gm)).toEqual(codes)
    const { podFailurePolicy } = jobOf(example(), 'controller').spec
    expect(podFailurePolicy!.rules[0]!.onExitCodes!.values).toEqual(codes.filter((code) => code !== 0))
  })

  test('the sidecar lives through SIGTERM until the files are fetched', async () => {
    const sidecar = containersOf(jobOf(example(), 'agents').spec.template.spec).find(({ name }) => name === 'files')!
    const [program, flag, code] = sidecar.command!
    expect([program, flag]).toEqual(['node', '--eval'])
    const cwd = folder()
    // It says when it listens to signals, which a container has long done when its pod ends.
    const child = spawn(process.execPath, ['--eval', `${code!.replace('/files', cwd)}\nconsole.log('up')`])
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    const early = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1000, 'still there'))])
    expect(early).toBe('still there')
    writeFileSync(join(cwd, 'fetched'), '')
    expect(await ended).toEqual([0, null])
  })
})

/** An oracle, where there is one: kubectl has a kustomize in it. */
describe.skipIf(!hasProgram('kubectl', 'version', '--client'))('kubectl', () => {
  test('builds the same objects of the example', () => {
    const cwd = folder()
    execFileSync('cp', ['-r', BASE, EXAMPLE, cwd])
    writeFileSync(join(cwd, 'example/nats-users.env'), USERS)
    const text = execFileSync('kubectl', ['kustomize', join(cwd, 'example')], { encoding: 'utf8' })
    const generated = ['nats-config', 'nats-users', 'scenario']
    const plain = text.replaceAll(new RegExp(`\\b(${generated.join('|')})-[a-z0-9]{10}\\b`, 'g'), '$1')
    const built = parseAllDocuments(plain).map((document) => document.toJS() as Manifest)
    const ordered = (objects: Manifest[]) =>
      objects.sort((a, b) => `${a.kind} ${a.metadata.name}`.localeCompare(`${b.kind} ${b.metadata.name}`))
    expect(ordered(example())).toEqual(ordered(built))
  })
})

/** The example with one thing wrong in it. Paths are those of a patch; undefined takes the key away. */
function broken(kind: string, name: string, path: string, value: unknown): Manifest[] {
  const objects = example()
  const keys = path.split('/')
  const last = keys.pop()!
  const object: unknown = objects.find((it) => it.kind === kind && it.metadata.name === name)
  const parent = keys.reduce((node, key) => (node as Record<string, unknown>)[key], object) as Record<string, unknown>
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return objects
}

describe('a fault is found:', () => {
  const POD = 'spec/template/spec'
  const ARGS = `${POD}/containers/0/args`
  const SYSCTL = `${POD}/securityContext/sysctls/0/value`
  test.each([
    ['a misspelt field', 'Job', 'agents', 'spec/backOffLimitPerIndex', 0, '/spec/backOffLimitPerIndex: is in no schema'],
    [
      'one deep inside',
      'Job',
      'agents',
      `${POD}/volumes/0/emptyDir/sizelimit`,
      '1Gi',
      `/${POD}/volumes/0/emptyDir/sizelimit: is in no schema`,
    ],
    [
      'one of a list',
      'StatefulSet',
      'nats',
      `${POD}/containers/0/ports/0/hostport`,
      1,
      `/${POD}/containers/0/ports/0/hostport: is in no schema`,
    ],
    ['a number as a text', 'Job', 'agents', 'spec/completions', '4', '/spec/completions: type {"type":"integer"}'],
    ['no quantity', 'PersistentVolumeClaim', 'reports', 'spec/resources/requests/storage', '5 GB', /storage: format/],
    ['a kind of pod that is none', 'Job', 'agents', 'spec/completionMode', 'Numbered', /completionMode: enum/],
    ['labels that no selector has', 'StatefulSet', 'nats', 'spec/template/metadata/labels', { a: 'b' }, /^StatefulSet nats: no pod is/],
    ['… nor the Service’s', 'Service', 'nats', 'spec/selector', { a: 'b' }, 'Service nats: no pod is {"a":"b"}'],
    ['a policy for nobody', 'NetworkPolicy', 'nats', 'spec/podSelector/matchLabels', { a: 'b' }, 'NetworkPolicy nats: no pod is {"a":"b"}'],
    ['a ConfigMap that is not there', 'ConfigMap', 'scenario', 'metadata/name', 'x', 'Job controller: there is no ConfigMap scenario'],
    ['a Secret without a key', 'Secret', 'nats-users', 'data/agent', undefined, 'Job agents: Secret nats-users has no agent'],
    [
      'a claim that is not there',
      'PersistentVolumeClaim',
      'reports',
      'metadata/name',
      'x',
      /^Job controller: there is no PersistentVolumeClaim/,
    ],
    ['a volume that is not there', 'Job', 'agents', `${POD}/volumes/0/name`, 'x', 'Job agents: there is no volume files'],
    [
      'a volume for nobody',
      'Job',
      'agents',
      `${POD}/containers/0/volumeMounts/1/name`,
      'files',
      'Job agents: nobody mounts volume secrets',
    ],
    ['another port of NATS', 'Service', 'nats', 'spec/ports/0/port', 4223, 'Job agents: no Service is nats:4222'],
    ['a port of no container', 'Service', 'nats', 'spec/ports/0/targetPort', 'x', 'Job agents: no container has port x, 4222'],
    ['a flag that is none', 'Job', 'agents', `${ARGS}/3`, '--max-client=1', 'Job agents: agent has no --max-client'],
    ['a flag without its value', 'Job', 'agents', `${ARGS}/3`, '--max-clients', /^Job agents: --max-clients lacks a value/],
    ['a command that is none', 'Job', 'controller', `${ARGS}/0`, 'walk', 'Job controller: there is no command walk'],
    ['a variable that nobody sets', 'Job', 'agents', `${POD}/containers/0/env/0/name`, 'X', 'Job agents: nothing sets NATS_PASSWORD'],
    ['an index without an Indexed Job', 'Job', 'controller', `${ARGS}/1`, '$(JOB_COMPLETION_INDEX)', /^Job controller: nothing sets JOB_/],
    ['a user that is root', 'Job', 'agents', `${POD}/securityContext/runAsUser`, 0, 'Job agents: may be root'],
    ['a user that is only named', 'Job', 'agents', `${POD}/securityContext/runAsUser`, undefined, 'Job agents: may be root'],
    [
      'a root that can be written',
      'Job',
      'agents',
      `${POD}/containers/0/securityContext/readOnlyRootFilesystem`,
      false,
      /may write its root$/,
    ],
    ['capabilities', 'Job', 'agents', `${POD}/initContainers/0/securityContext/capabilities`, {}, 'Job agents: files has capabilities'],
    [
      'no seccomp profile',
      'Job',
      'controller',
      `${POD}/securityContext/seccompProfile`,
      undefined,
      'Job controller: has no seccomp profile',
    ],
    ['a token', 'Job', 'agents', `${POD}/automountServiceAccountToken`, true, 'Job agents: has a token'],
    ['requests below the limits', 'Job', 'agents', `${POD}/containers/0/resources/requests/cpu`, '1', /^Job agents: agent asks for/],
    ['no limits', 'Job', 'agents', `${POD}/initContainers/0/resources`, {}, 'Job agents: files asks for {} and may have {}'],
    ['half a CPU', 'Job', 'agents', `${POD}/containers/0/resources/limits/cpu`, '1500m', 'CPUs are shared'],
    ['the newest image', 'StatefulSet', 'nats', `${POD}/containers/0/image`, 'nats:latest', /nats is not of one version: nats:latest$/],
    [
      'an image without a version',
      'StatefulSet',
      'nats',
      `${POD}/containers/0/image`,
      'host:5000/nats',
      /not of one version: host:5000\/nats$/,
    ],
    [
      'another version of ours',
      'Job',
      'agents',
      `${POD}/containers/0/image`,
      'a/mqtt-scale:9.9.9',
      /^Job agents: agent is a\/mqtt-scale:9\.9\.9/,
    ],
    ['a port range of one parity', 'Job', 'agents', SYSCTL, '1024 65534', /^ends of the port range are both even/],
    ['a port range that is narrow', 'Job', 'agents', SYSCTL, '32768 60999', 'too few local ports: 32768 60999'],
    ['no port range', 'Job', 'agents', `${POD}/securityContext/sysctls`, [], 'too few local ports: '],
    ['the node’s network', 'Job', 'agents', `${POD}/hostNetwork`, true, 'the node’s sysctls hold'],
    ['an agent that is restarted', 'Job', 'agents', `${POD}/restartPolicy`, 'OnFailure', 'an agent is restarted'],
    ['an agent that is replaced', 'Job', 'agents', 'spec/backoffLimitPerIndex', 1, 'an agent that died is replaced'],
    ['… before it has ended', 'Job', 'agents', 'spec/podReplacementPolicy', undefined, 'an agent is replaced before it has ended'],
    ['one that ends the others', 'Job', 'agents', 'spec/backoffLimit', 0, 'an agent that died ends the others'],
    ['agents in turns', 'Job', 'agents', 'spec/parallelism', 2, '2 of 4 agents run at a time'],
    ['agents without a number', 'Job', 'agents', 'spec/completionMode', 'NonIndexed', 'pods have no index'],
    ['agents of one name', 'Job', 'agents', `${ARGS}/2`, '--id=agent', 'agents share an ID'],
    ['agents side by side', 'Job', 'agents', `${POD}/affinity`, undefined, 'two agents may share a node'],
    ['more clients than ports', 'Job', 'agents', `${ARGS}/3`, '--max-clients=70000', 'more clients than ports'],
    ['a number of agents that are not there', 'Job', 'agents', 'spec/completions', 5, 'waits for 4 agents'],
    ['a broker that agents refuse', 'Job', 'agents', `${ARGS}/6`, '--allow-target=x:1', 'agents may not connect to broker-0.invalid:1883'],
    ['a verdict that is tried again', 'Job', 'controller', 'spec/backoffLimit', 1, 'a verdict is tried again'],
  ] as [string, string, string, string, unknown, string | RegExp][])('%s', async (_, kind, name, path, value, fault) => {
    const faults = await faultsOf(broken(kind, name, path, value))
    expect(faults.some((it) => (typeof fault === 'string' ? it === fault : fault.test(it))) ? fault : faults).toEqual(fault)
  })

  test('the example has the workloads that the rules are about', () => {
    expect(
      workloads(example())
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(['agents', 'controller', 'nats', 'reports'])
  })
})

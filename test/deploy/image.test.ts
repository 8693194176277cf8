import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import packageLock from '../../package-lock.json' with { type: 'json' }
import { copyOf, isIgnored, parseDockerfile, replay, type Stage } from './dockerfile.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TEXT = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')

/** What is asked of any Dockerfile of ours; faults in words. */
function faultsOf(stages: readonly Stage[]): string[] {
  const last = stages.at(-1)!
  const all = stages.flatMap(({ instructions }) => instructions)
  const ofLast = (word: string) => last.instructions.filter((it) => it.word === word).map(({ rest }) => rest)
  const faults: string[] = []
  const check = (holds: boolean, why: string) => {
    if (!holds) faults.push(why)
  }
  check(stages.length === 2, 'wants two stages')
  for (const { image } of stages) check(/^node:20-[a-z]+-slim(@sha256:[0-9a-f]{64})?$/.test(image), `base ${image} is not a slim Node 20`)
  check(!all.some(({ word }) => word === 'ADD'), 'ADD may fetch and unpack: COPY')
  check(
    !all.some(({ word, rest }) => word === 'RUN' && /\b(curl|wget|apt(-get)?|git)\b|\bnpm (i|install)\b/.test(rest)),
    'fetches more than npm ci',
  )
  check(ofLast('RUN').length === 0, 'runs something in the last stage')
  const user = last.instructions.findIndex(({ word, rest }) => word === 'USER' && rest !== 'root' && rest !== '0')
  check(user >= 0 && last.instructions.findLastIndex(({ word }) => word === 'COPY') < user, 'wants a USER, behind all that is copied')
  check(
    ofLast('ENTRYPOINT').every((it) => it.startsWith('[')) && ofLast('ENTRYPOINT').length === 1,
    'wants one ENTRYPOINT, without a shell',
  )
  check(!all.some(({ rest }) => /\.npmrc|\btoken\b|password/i.test(rest)), 'has to do with a secret')
  return faults
}

describe('the Dockerfile', () => {
  test('keeps the rules', () => {
    expect(faultsOf(parseDockerfile(TEXT))).toEqual([])
  })

  test.each([
    {
      why: 'the newest Node',
      from: 'ARG NODE=node:20-bookworm-slim',
      to: 'ARG NODE=node:latest',
      fault: 'base node:latest is not a slim Node 20',
    },
    { why: 'any Node', from: 'ARG NODE=node:20-bookworm-slim', to: 'ARG NODE=node', fault: 'base node is not a slim Node 20' },
    { why: 'no user', from: 'USER node\n', to: '', fault: 'wants a USER, behind all that is copied' },
    { why: 'root', from: 'USER node', to: 'USER root', fault: 'wants a USER, behind all that is copied' },
    {
      why: 'files of the user',
      from: 'COPY bin bin',
      to: 'USER node\nCOPY bin bin\nUSER root',
      fault: 'wants a USER, behind all that is copied',
    },
    { why: 'ADD', from: 'COPY bin bin', to: 'ADD bin bin', fault: 'ADD may fetch and unpack: COPY' },
    { why: 'whatever is newest', from: 'npm ci', to: 'npm install', fault: 'fetches more than npm ci' },
    { why: 'a shell', from: '["node", "/app/bin/mqtt-scale.js"]', to: 'node /app', fault: 'wants one ENTRYPOINT, without a shell' },
    { why: 'a secret', from: 'COPY bin bin', to: 'COPY .npmrc ./', fault: 'has to do with a secret' },
  ])('is at fault with $why', ({ from, to, fault }) => {
    expect(TEXT).toContain(from)
    expect(faultsOf(parseDockerfile(TEXT.replace(from, to)))).toContain(fault)
  })
})

describe('.dockerignore', () => {
  const ignored = (path: string) => isIgnored(readFileSync(join(ROOT, '.dockerignore'), 'utf8'), path)

  test('lets through what is copied, and nothing else', () => {
    const copies = parseDockerfile(TEXT).flatMap(({ instructions }) => instructions.filter(({ word }) => word === 'COPY').map(copyOf))
    const wanted = new Set(copies.flatMap(({ from, sources }) => (from === null ? sources : [])))
    expect(new Set(readdirSync(ROOT).filter((name) => !ignored(name)))).toEqual(wanted)
  })

  test.each([
    '.git/config',
    '.env',
    '.npmrc',
    'deploy/kubernetes/example/nats-users.env',
    'node_modules/ws/index.js',
    'reports/a/report.json',
  ])('keeps %s back', (path) => {
    expect(ignored(path)).toBe(true)
  })
})

describe('the image', () => {
  let build: string
  let root: string
  let app: string

  beforeAll(() => {
    build = mkdtempSync(join(tmpdir(), 'mqtt-scale-image-'))
    chmodSync(build, 0o755)
    root = replay(parseDockerfile(TEXT), ROOT, build)
    app = join(root, 'app')
    // What the stage before had is gone, as it is in an image.
    rmSync(join(build, '0'), { recursive: true, force: true })
  }, 120_000)
  afterAll(() => rmSync(build, { recursive: true, force: true }))

  /** As the image would: its entry point, as user 1000 where we may be somebody else, in a folder where that user may write and nowhere else. */
  function run(args: readonly string[]): { code: number | null; stdout: string; stderr: string; cwd: string } {
    const { rest } = parseDockerfile(TEXT)
      .at(-1)!
      .instructions.find(({ word }) => word === 'ENTRYPOINT')!
    const [program, ...entry] = (JSON.parse(rest) as string[]).map((word) => (word.startsWith('/') ? join(root, word) : word))
    const cwd = mkdtempSync(join(tmpdir(), 'mqtt-scale-home-'))
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(cwd, 1000, 1000)
    const env = { PATH: process.env.PATH, HOME: cwd, NODE_ENV: 'production' }
    const identity = isRoot ? { uid: 1000, gid: 1000 } : {}
    const { status, stdout, stderr } = spawnSync(program!, [...entry, ...args], {
      cwd,
      env,
      encoding: 'utf8',
      timeout: 60_000,
      ...identity,
    })
    return { code: status, stdout, stderr, cwd }
  }

  /** That the tool finds each of its parts. */
  function shortfalls(): string[] {
    const version = run(['--version'])
    const plan = run(['plan', 'quickstart'])
    const init = run(['init', 'factory'])
    const schema = init.code === 0 ? /\$schema=(file:.*)$/m.exec(readFileSync(join(init.cwd, 'factory.yaml'), 'utf8'))?.[1] : undefined
    return [
      ...(version.stdout === `${packageJson.version}\n` ? [] : ['version']),
      ...(plan.code === 0 && plan.stdout.includes('170 clients') ? [] : ['plan']),
      ...(schema && existsSync(fileURLToPath(schema)) ? [] : ['init']),
      ...(existsSync(join(app, 'LICENSE')) ? [] : ['licence']),
    ]
  }

  test('has all that the tool needs', () => {
    expect(shortfalls()).toEqual([])
  })

  test('measures: a run of a second on the embedded broker, with its report', () => {
    const faster = ['phases.warmUp=0s', 'phases.drain=1s', 'thresholds=["clients.failed == 0"]'].flatMap((it) => ['--set', it])
    const { code, stderr, cwd } = run(['run', 'quickstart', '--duration', '1s', '--quiet', '--out', 'out', ...faster])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report = JSON.parse(readFileSync(join(cwd, 'out/report.json'), 'utf8'))
    expect(report.deliveries.received).toBeGreaterThan(100)
    // koffi and its library are there; hdr-histogram-js and uplot are, for the other two.
    if (process.platform === 'linux') expect(report.generator.transport).toBe('epoll')
    expect(readdirSync(join(cwd, 'out')).sort()).toEqual([
      'events.ndjson',
      'histograms.hlog',
      'report.html',
      'report.json',
      'timeline.ndjson',
    ])
  })

  test.each(
    parseDockerfile(TEXT)
      .at(-1)!
      .instructions.filter(({ word }) => word === 'COPY')
      .flatMap((it) => copyOf(it).sources.map((source) => ({ name: source.split('/').at(-1)! }))),
  )('without $name it would not do', ({ name }) => {
    renameSync(join(app, name), join(app, `no-${name}`))
    try {
      expect(shortfalls()).not.toEqual([])
    } finally {
      renameSync(join(app, `no-${name}`), join(app, name))
    }
  })

  test('has the packages of the lock file that are wanted at run time, and no other', () => {
    const found = new Set(
      (readdirSync(join(app, 'node_modules'), { recursive: true }) as string[])
        .filter((name) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(`node_modules/${name}`))
        .map((name) => `node_modules/${name}`.replace(/\/package\.json$/, '')),
    )
    const packages = Object.entries(packageLock.packages as Record<string, { dev?: boolean; optional?: boolean }>).filter(
      ([path]) => path !== '',
    )
    const wanted = packages.filter(([, { dev, optional }]) => !dev && !optional).map(([path]) => path)
    expect(wanted.filter((path) => !found.has(path))).toEqual([])
    // koffi's library for other machines is in the lock file, too.
    const allowed = packages.filter(([, { dev }]) => !dev).map(([path]) => path)
    expect([...found].filter((path) => !allowed.includes(path))).toEqual([])
    for (const name of Object.keys(packageJson.devDependencies)) {
      // mqtt, which is a dependency, needs one of them itself.
      if (!wanted.includes(`node_modules/${name}`)) expect(existsSync(join(app, 'node_modules', name))).toBe(false)
    }
  })

  test('leads nowhere outside itself', () => {
    const links = (readdirSync(app, { recursive: true }) as string[]).filter((name) => lstatSync(join(app, name)).isSymbolicLink())
    expect(links.filter((name) => relative(realpathSync(app), realpathSync(join(app, name))).startsWith('..'))).toEqual([])
    for (let folder = join(app, '..'); folder !== '/'; folder = join(folder, '..'))
      expect(existsSync(join(folder, 'node_modules'))).toBe(false)
  })

  test('has no file from outside the repository’s tracked ones, but packages and what was built', () => {
    const tracked = new Set(execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n'))
    const own = (readdirSync(app, { recursive: true }) as string[]).filter((name) => lstatSync(join(app, name)).isFile())
    expect(own.filter((name) => !/^(node_modules|dist|schema)\//.test(name) && !tracked.has(name))).toEqual([])
  })
})

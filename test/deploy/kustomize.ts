/**
 * The small part of kustomize that deploy/kubernetes uses, so that its manifests are tested as a cluster gets them, on machines without kubectl.
 *
 * What this does not know is an error, never skipped. Two things differ from kustomize: generated names have no hash at their end, and files that
 * are not in the repository are given as an argument.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, normalize } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

/** Any object of Kubernetes, before its schema has been asked. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
}

interface Kustomization {
  readonly apiVersion: 'kustomize.config.k8s.io/v1beta1'
  readonly kind: 'Kustomization'
  readonly resources?: readonly string[]
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[]
  readonly configMapGenerator?: readonly { readonly name: string; readonly files: readonly string[] }[]
  readonly secretGenerator?: readonly { readonly name: string; readonly envs: readonly string[] }[]
  readonly patches?: readonly { readonly target: { readonly kind: string; readonly name: string }; readonly patch: string }[]
}

/** A step of RFC 6902, as far as it is used: `add` to the end of a list, and `replace`. */
interface Step {
  readonly op: 'add' | 'replace'
  readonly path: string
  readonly value: unknown
}

type Node = Record<string, unknown>

const KEYS = ['apiVersion', 'kind', 'resources', 'images', 'configMapGenerator', 'secretGenerator', 'patches']

/**
 * All objects of the kustomization in a folder.
 *
 * @param absent  text of files that only users have, by name
 * @throws Error  a file is missing, or something is used that this does not know
 */
export function build(folder: string, absent: Readonly<Record<string, string>> = {}): Manifest[] {
  const kustomization = read(folder)
  const unknown = Object.keys(kustomization).filter((key) => !KEYS.includes(key))
  if (unknown.length > 0) throw new Error(`${folder}: this emulation does not know ${unknown.join(', ')}`)
  const text = (name: string): string => absent[name] ?? readFileSync(join(folder, name), 'utf8')

  const objects = (kustomization.resources ?? []).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? build(path, absent) : documents(path)
  })
  for (const { name, files } of kustomization.configMapGenerator ?? []) {
    const data = Object.fromEntries(files.map((file) => [basename(file), text(file)]))
    objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data } as Manifest)
  }
  for (const { name, envs } of kustomization.secretGenerator ?? []) {
    const data = Object.fromEntries(envs.flatMap((file) => pairs(text(file))).map(([key, value]) => [key, btoa(value)]))
    objects.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'Opaque', data } as Manifest)
  }
  for (const { target, patch } of kustomization.patches ?? []) {
    const found = objects.filter(({ kind, metadata }) => kind === target.kind && metadata.name === target.name)
    if (found.length !== 1) throw new Error(`${folder}: ${found.length} objects are ${target.kind} ${target.name}`)
    for (const step of parse(patch) as Step[]) apply(step, found[0]! as unknown as Node)
  }
  for (const image of kustomization.images ?? []) for (const object of objects) rename(object as unknown as Node, image)
  return objects
}

/** Files of a folder that its kustomization does not name. */
export function strays(folder: string): string[] {
  const { resources = [], configMapGenerator = [], secretGenerator = [] } = read(folder)
  const generated = [...configMapGenerator.flatMap(({ files }) => files), ...secretGenerator.flatMap(({ envs }) => envs)]
  const named = ['kustomization.yaml', '.gitignore', ...resources, ...generated].map(normalize)
  return readdirSync(folder).filter((name) => !named.includes(name))
}

function read(folder: string): Kustomization {
  return parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization
}

function documents(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0]!.message}`)
    // Anchors make one object of several: patches must not reach them all.
    return apart(document.toJS()) as Manifest
  })
}

function apart(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function pairs(text: string): [string, string][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
}

function apply({ op, path, value }: Step, object: Node): void {
  const keys = path.split('/').slice(1)
  const last = keys.pop()!
  const parent = keys.reduce<unknown>((node, key) => (node as Node | undefined)?.[key], object)
  if (op === 'add' && last === '-' && Array.isArray(parent)) parent.push(value)
  else if (op === 'replace' && (parent as Node | undefined)?.[last] !== undefined) (parent as Node)[last] = value
  else throw new Error(`this emulation can't ${op} ${path}`)
}

/** Wherever an object has containers. */
function rename(node: unknown, image: { readonly name: string; readonly newName: string; readonly newTag: string }): void {
  if (node === null || typeof node !== 'object') return
  const it = node as Node
  if (typeof it.image === 'string' && it.image.split(':')[0] === image.name) it.image = `${image.newName}:${image.newTag}`
  for (const child of Object.values(it)) rename(child, image)
}

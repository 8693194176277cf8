/**
 * What Kubernetes' own schemas find wrong with an object, misspelt fields among it.
 *
 * The package kubernetes-models has the schemas as compiled validators, which ask for each property they know and pass over those they don't: as
 * the API server does with a warning, and a field that it does not know has no effect. So they get the object behind a proxy that
 * notes what they ask for. A key that no validator has asked for is in no schema.
 */
import type { Manifest } from './kustomize.ts'

interface Validator {
  (data: unknown): boolean
  readonly errors?: readonly { readonly instancePath: string; readonly keyword: string; readonly params: unknown }[] | null
}

/** Lines such as `/spec/paralelism: is in no schema`; none: all is well. */
export async function schemaFaults(manifest: Manifest): Promise<string[]> {
  const name = schemaOf(manifest)
  const { validate } = (await import(`kubernetes-models/_schemas/${name}`)) as { validate: Validator }
  const asked = new Map<object, Set<string>>()
  const faults: string[] = []
  if (!validate(watch(manifest, asked))) {
    for (const error of validate.errors ?? []) faults.push(`${error.instancePath}: ${error.keyword} ${JSON.stringify(error.params)}`)
  }
  for (const path of unasked(manifest, '', asked)) faults.push(`${path}: is in no schema`)
  return faults
}

/** `batch/v1` and `Job` are `IoK8sApiBatchV1Job`, `v1` and `Secret` `IoK8sApiCoreV1Secret`. */
function schemaOf({ apiVersion, kind }: Manifest): string {
  const [version, group = 'core'] = apiVersion.split('/').reverse()
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
  return `IoK8sApi${capital(group.split('.')[0]!)}${capital(version!)}${kind}`
}

function watch<T>(value: T, asked: Map<object, Set<string>>): T {
  if (value === null || typeof value !== 'object') return value
  const keys = asked.get(value) ?? new Set()
  asked.set(value, keys)
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'string') keys.add(key)
      return watch(Reflect.get(target, key), asked)
    },
  })
}

function unasked(value: unknown, path: string, asked: ReadonlyMap<object, ReadonlySet<string>>): string[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, child]) =>
    asked.get(value)?.has(key) ? unasked(child, `${path}/${key}`, asked) : [`${path}/${key}`],
  )
}

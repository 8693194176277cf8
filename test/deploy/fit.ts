/**
 * Rules of deploy/kubernetes: its objects fit each other, and the command that they run.
 *
 * Each rule is a function of the objects that gives its faults in words, so that each is also seen to fail. So are those of pods.ts.
 */
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap'
import type { ISecret } from 'kubernetes-models/v1/Secret'
import type { IService } from 'kubernetes-models/v1/Service'
import type { Manifest } from './kustomize.ts'
import { containersOf, find, type Labels, nameOf, ofKind, split, values, workloads } from './objects.ts'

/**
 * The flags of `agent` and `run` that manifests may have. Kept by hand: when a flag goes, this list and then the manifests have to go with it.
 * True: the flag has a value.
 */
const FLAGS: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  agent: {
    '--control': true,
    '--control-ca': true,
    '--control-cert': true,
    '--control-creds': true,
    '--control-key': true,
    '--control-nkey': true,
    '--id': true,
    '--allow-target': true,
    '--max-clients': true,
    '--once': false,
    '--out': true,
  },
  run: {
    '--control': true,
    '--control-ca': true,
    '--control-cert': true,
    '--control-creds': true,
    '--control-key': true,
    '--control-nkey': true,
    '--agents': true,
    '--broker': true,
    '--set': true,
    '--scale': true,
    '--seed': true,
    '--duration': true,
    '--out': true,
    '--label': true,
    '--allow-exec': false,
    '--skip-probe': false,
  },
}

/** Selectors choose pods that there are. */
export function selectorFaults(objects: readonly Manifest[]): string[] {
  const pods = workloads(objects).map(({ spec }) => spec.template.metadata.labels)
  const has = (selector: Labels | undefined) => (labels: Labels) =>
    Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value)
  const faults: string[] = []
  const want = (it: Manifest, selector: Labels | undefined, among: readonly Labels[]) => {
    if (!among.some(has(selector))) faults.push(`${nameOf(it)}: no pod is ${JSON.stringify(selector)}`)
  }
  for (const it of workloads(objects)) {
    if (it.kind !== 'Job') want(it, it.spec.selector?.matchLabels, [it.spec.template.metadata.labels])
    const anti = it.spec.template.spec.affinity?.podAntiAffinity
    const preferred = (anti?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm)
    for (const term of [...(anti?.requiredDuringSchedulingIgnoredDuringExecution ?? []), ...preferred]) {
      want(it, term.labelSelector?.matchLabels, pods)
    }
  }
  for (const it of ofKind<IService>(objects, 'Service')) want(it, it.spec?.selector, pods)
  for (const it of ofKind<INetworkPolicy>(objects, 'NetworkPolicy')) {
    want(it, it.spec?.podSelector?.matchLabels, pods)
    const from = (it.spec?.ingress ?? []).flatMap((rule) => rule.from ?? [])
    for (const { podSelector } of from) want(it, podSelector?.matchLabels, pods)
  }
  return faults
}

/** What is referred to by name is there: ConfigMaps, Secrets and their keys, claims, volumes, Services and ports. */
export function referenceFaults(objects: readonly Manifest[]): string[] {
  const faults: string[] = []
  const isThere = (kind: string, name: string | undefined) => objects.some((it) => it.kind === kind && it.metadata.name === name)
  const want = (it: Manifest, kind: string, name: string | undefined) => {
    if (!isThere(kind, name)) faults.push(`${nameOf(it)}: there is no ${kind} ${name}`)
  }
  const wantKey = (it: Manifest, kind: 'ConfigMap' | 'Secret', name: string | undefined, key: string) => {
    want(it, kind, name)
    if (!isThere(kind, name)) return
    const { data = {} } = find<(ISecret | IConfigMap) & Manifest>(objects, kind, name!)
    if (!(key in data)) faults.push(`${nameOf(it)}: ${kind} ${name} has no ${key}`)
  }
  for (const it of workloads(objects)) {
    const { volumeClaimTemplates = [], serviceName, template } = it.spec
    if (serviceName !== undefined) want(it, 'Service', serviceName)
    const { volumes = [] } = template.spec
    for (const volume of volumes) {
      if (volume.configMap) want(it, 'ConfigMap', volume.configMap.name)
      if (volume.secret && !volume.secret.optional) want(it, 'Secret', volume.secret.secretName)
      if (volume.persistentVolumeClaim) want(it, 'PersistentVolumeClaim', volume.persistentVolumeClaim.claimName)
    }
    for (const { env = [], envFrom = [] } of containersOf(template.spec)) {
      for (const { valueFrom } of env) {
        if (valueFrom?.secretKeyRef) wantKey(it, 'Secret', valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key)
        if (valueFrom?.configMapKeyRef) wantKey(it, 'ConfigMap', valueFrom.configMapKeyRef.name, valueFrom.configMapKeyRef.key)
      }
      for (const { secretRef } of envFrom) if (secretRef && !secretRef.optional) want(it, 'Secret', secretRef.name)
    }
    const named = [...volumes.map(({ name }) => name), ...volumeClaimTemplates.map(({ metadata }) => metadata?.name)]
    const mounted = containersOf(template.spec).flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))
    for (const name of mounted) if (!named.includes(name)) faults.push(`${nameOf(it)}: there is no volume ${name}`)
    for (const name of named) if (!mounted.includes(name!)) faults.push(`${nameOf(it)}: nobody mounts volume ${name}`)
    for (const container of containersOf(template.spec)) {
      for (const url of values(container, '--control')) faults.push(...controlFaults(url, objects).map((why) => `${nameOf(it)}: ${why}`))
    }
  }
  return faults
}

/** The Service and port of NATS in a command line are there, and its pods may come in. */
function controlFaults(url: string, objects: readonly Manifest[]): string[] {
  const { hostname, port } = new URL(url.replaceAll(/\$\{[^}]*\}/g, 'reference'))
  const service = ofKind<IService>(objects, 'Service').find(({ metadata }) => metadata?.name === hostname)
  const exposed = service?.spec?.ports?.find((it) => String(it.port) === port)
  if (!exposed) return [`no Service is ${hostname}:${port}`]
  const ports = workloads(objects).flatMap(({ spec }) => containersOf(spec.template.spec).flatMap((container) => container.ports ?? []))
  return ports.some(({ name, containerPort }) => name === exposed.targetPort && String(containerPort) === port)
    ? []
    : [`no container has port ${exposed.targetPort}, ${port}`]
}

/** Command lines that mqtt-scale understands, with references that are filled. */
export function commandFaults(objects: readonly Manifest[]): string[] {
  return workloads(objects).flatMap((it) =>
    it.spec.template.spec.containers
      .filter(({ image, command }) => image?.includes('mqtt-scale') && !command)
      .flatMap(({ args = [], env = [] }) => {
        const [command = '', ...rest] = args
        const flags = FLAGS[command]
        if (!flags) return [`${nameOf(it)}: there is no command ${command}`]
        // Kubernetes puts it into the pods of an Indexed Job.
        const isIndexed = (it.spec as { completionMode?: string }).completionMode === 'Indexed'
        const names = [...env.map(({ name }) => name), ...(isIndexed ? ['JOB_COMPLETION_INDEX'] : [])]
        return rest.flatMap((arg) => {
          const [flag, value] = arg.startsWith('--') ? split(arg) : [null, arg]
          const wrong: string[] = []
          if (flag !== null && !(flag in flags)) wrong.push(`${command} has no ${flag}`)
          else if (flag !== null && flags[flag] !== (value !== null && value !== '')) wrong.push(`${arg} lacks a value, or has one`)
          const used = [...arg.matchAll(/\$\(([^)]*)\)|\$\{env:([^}]*)\}/g)].map((match) => match[1] ?? match[2]!)
          for (const name of used) if (!names.includes(name)) wrong.push(`nothing sets ${name}`)
          return wrong.map((why) => `${nameOf(it)}: ${why}`)
        })
      }),
  )
}

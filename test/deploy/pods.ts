/**
 * Rules of deploy/kubernetes: what a measurement, and an administrator, need of its pods.
 */
import type { Manifest } from './kustomize.ts'
import { containersOf, jobOf, nameOf, values, workloads } from './objects.ts'

/** Nobody is root, nobody writes where nothing is mounted, nobody has a capability or a token. */
export function securityFaults(objects: readonly Manifest[]): string[] {
  return workloads(objects).flatMap((it) => {
    const pod = it.spec.template.spec
    const { securityContext } = pod
    const wrong = [
      ...(pod.automountServiceAccountToken === false ? [] : ['has a token']),
      // A name of a user in the image won't do: the kubelet can't see that it is not root.
      ...(securityContext?.runAsNonRoot && (securityContext.runAsUser ?? 0) > 0 ? [] : ['may be root']),
      ...(securityContext?.seccompProfile?.type === 'RuntimeDefault' ? [] : ['has no seccomp profile']),
      ...containersOf(pod).flatMap(({ name, securityContext }) => [
        ...(securityContext?.allowPrivilegeEscalation === false ? [] : [`${name} may gain privileges`]),
        ...(securityContext?.readOnlyRootFilesystem ? [] : [`${name} may write its root`]),
        ...(String(securityContext?.capabilities?.drop) === 'ALL' && !securityContext?.capabilities?.add
          ? []
          : [`${name} has capabilities`]),
      ]),
    ]
    return wrong.map((why) => `${nameOf(it)}: ${why}`)
  })
}

/** Guaranteed quality of service: each container asks for as much as it may have. */
export function resourceFaults(objects: readonly Manifest[]): string[] {
  return workloads(objects).flatMap((it) =>
    containersOf(it.spec.template.spec).flatMap(({ name, resources: { requests = {}, limits = {} } = {} }) => {
      const isGuaranteed = ['cpu', 'memory'].every((what) => limits[what] !== undefined && requests[what] === limits[what])
      return isGuaranteed ? [] : [`${nameOf(it)}: ${name} asks for ${JSON.stringify(requests)} and may have ${JSON.stringify(limits)}`]
    }),
  )
}

/** Images are of one version, and ours of this one. */
export function imageFaults(objects: readonly Manifest[], version: string): string[] {
  return workloads(objects).flatMap((it) =>
    containersOf(it.spec.template.spec).flatMap(({ name, image = '' }) => {
      const [, path, tag] = /^(.*?)(?::([^:/]*))?$/.exec(image)!
      const isOurs = path!.split('/').at(-1) === 'mqtt-scale'
      if (tag === undefined || !/^\d+\.\d+\.\d+/.test(tag)) return [`${nameOf(it)}: ${name} is not of one version: ${image}`]
      return isOurs && tag !== version ? [`${nameOf(it)}: ${name} is ${image}, and this is ${version}`] : []
    }),
  )
}

/** One agent a node and an index, as many as the controller waits for, none of them replaced, and the ports of all clients. */
export function agentFaults(objects: readonly Manifest[]): string[] {
  const { spec } = jobOf(objects, 'agents')
  const pod = spec.template.spec
  const agent = pod.containers[0]!
  const faults: string[] = []
  const check = (holds: boolean | undefined, why: string) => {
    if (!holds) faults.push(why)
  }
  check(spec.completionMode === 'Indexed', 'pods have no index')
  check(spec.completions === spec.parallelism, `${spec.parallelism} of ${spec.completions} agents run at a time`)
  check(spec.backoffLimitPerIndex === 0, 'an agent that died is replaced')
  check(spec.backoffLimit === undefined && spec.maxFailedIndexes === undefined, 'an agent that died ends the others')
  check(spec.podReplacementPolicy === 'Failed', 'an agent is replaced before it has ended')
  check(pod.restartPolicy === 'Never', 'an agent is restarted')
  check(values(agent, '--id').join().includes('$(JOB_COMPLETION_INDEX)'), 'agents share an ID')
  check(
    pod.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.some(
      ({ topologyKey, labelSelector }) =>
        topologyKey === 'kubernetes.io/hostname' && labelSelector?.matchLabels?.['app.kubernetes.io/component'] === 'agent',
    ),
    'two agents may share a node',
  )
  check(/^\d+$/.test(String(agent.resources?.limits?.cpu)), 'CPUs are shared')
  check(!pod.hostNetwork, 'the node’s sysctls hold')
  const range = pod.securityContext?.sysctls?.find(({ name }) => name === 'net.ipv4.ip_local_port_range')?.value ?? ''
  const [first = Number.NaN, last = Number.NaN] = range.split(' ').map(Number)
  check(last - first > 60_000, `too few local ports: ${range}`)
  check((first + last) % 2 === 1, `ends of the port range are both even or both odd: ${range}`)
  check(Number(values(agent, '--max-clients')[0]) <= last - first + 1, 'more clients than ports')
  return faults
}

/** The controller asks for the agents there are and the brokers they may connect to, once. */
export function controllerFaults(objects: readonly Manifest[]): string[] {
  const { spec } = jobOf(objects, 'controller')
  const controller = spec.template.spec.containers[0]!
  const agents = jobOf(objects, 'agents').spec
  const allowed = values(agents.template.spec.containers[0]!, '--allow-target')
  const faults: string[] = []
  if (spec.backoffLimit !== 0 || spec.template.spec.restartPolicy !== 'Never') faults.push('a verdict is tried again')
  if (values(controller, '--agents').join() !== String(agents.completions))
    faults.push(`waits for ${values(controller, '--agents')} agents`)
  const hosts = values(controller, '--broker').map((url) => new URL(url).host)
  if (hosts.length === 0) faults.push('has no broker')
  for (const host of hosts) if (!allowed.includes(host)) faults.push(`agents may not connect to ${host}`)
  return faults
}

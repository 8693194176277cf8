/**
 * The objects of deploy/kubernetes as the rules see them: what makes pods, their containers, and command lines.
 */
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { IContainer } from 'kubernetes-models/v1/Container'
import type { IPersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim'
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec'
import type { Manifest } from './kustomize.ts'

export type Labels = Readonly<Record<string, string>>

/** A Job, Deployment or StatefulSet: what makes pods of a template. */
export interface Workload extends Manifest {
  readonly spec: {
    readonly selector?: { readonly matchLabels: Labels }
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: IPodSpec }
    readonly volumeClaimTemplates?: readonly IPersistentVolumeClaim[]
    readonly serviceName?: string
  }
}

export const workloads = (objects: readonly Manifest[]): Workload[] => objects.filter((it) => 'template' in specOf(it)) as Workload[]

export const jobOf = (objects: readonly Manifest[], name: string): IJob & Workload => find<IJob & Workload>(objects, 'Job', name)

/** All containers of a pod, sidecars too. */
export const containersOf = ({ initContainers = [], containers }: IPodSpec): readonly IContainer[] => [...initContainers, ...containers]

/** Of a flag that is written as --flag=value. */
export function values({ args = [] }: IContainer, flag: string): string[] {
  return args.map(split).flatMap(([name, value]) => (name === flag && value !== null ? [value] : []))
}

export function split(arg: string): [string, string | null] {
  const equals = arg.indexOf('=')
  return equals < 0 ? [arg, null] : [arg.slice(0, equals), arg.slice(equals + 1)]
}

export function find<T>(objects: readonly Manifest[], kind: string, name: string): T {
  const found = objects.find((it) => it.kind === kind && it.metadata.name === name)
  if (!found) throw new Error(`there is no ${kind} ${name}`)
  return found as unknown as T
}

export function ofKind<T>(objects: readonly Manifest[], kind: string): (T & Manifest)[] {
  return objects.filter((it) => it.kind === kind) as (T & Manifest)[]
}

function specOf(it: Manifest): object {
  return (it as { spec?: object }).spec ?? {}
}

export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.name}`
}

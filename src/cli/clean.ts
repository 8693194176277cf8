export interface CleanFlags {
  readonly broker: readonly string[]
}
export async function clean(_name: string, _flags: unknown): Promise<number> {
  return 0
}

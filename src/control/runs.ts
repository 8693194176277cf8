/**
 * The bucket of runs (JetStream key/value): for each run its state, its plan in pieces that fit the server, and at the end of a run that lost its
 * controller what its agents tell each other. Only the run's controller writes state and plan; of the facts each agent writes its own.
 */
import { jetstream } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Facts } from '../load/facts.ts'
import { maxBytesOf } from './connect.ts'
import { decode, encode, piecesOf } from './parcel.ts'
import type { Parcel, RunState } from './protocol.ts'
import { BUCKET, factsKey, planKey, stateKey } from './subjects.ts'

/** Of what a controller left behind that did not end in order. */
const KEPT_MS = 24 * 3600 * 1000

export class Runs {
  private readonly connection: NatsConnection
  private readonly bucket: KV

  private constructor(connection: NatsConnection, bucket: KV) {
    this.connection = connection
    this.bucket = bucket
  }

  /** @throws Error  of JetStream */
  static async create(connection: NatsConnection): Promise<Runs> {
    return new Runs(connection, await new Kvm(jetstream(connection)).create(BUCKET, { history: 1, ttl: KEPT_MS }))
  }

  /** @throws Error  there is no bucket yet, or it may not be read */
  static async open(connection: NatsConnection): Promise<Runs> {
    return new Runs(connection, await new Kvm(jetstream(connection)).open(BUCKET))
  }

  async putState(run: string, state: RunState): Promise<void> {
    await this.bucket.put(stateKey(run), encode(state))
  }

  /** null: there is no such run any more. */
  async stateOf(run: string): Promise<RunState | null> {
    const bytes = await this.read(stateKey(run))
    return bytes && (decode(bytes) as RunState)
  }

  /** @returns in how many pieces */
  async putPlan(run: string, parcel: Parcel): Promise<number> {
    return this.putPieces((piece) => planKey(run, piece), encode(parcel))
  }

  /** @throws Error  a piece is missing */
  async planOf(run: string, pieces: number): Promise<Parcel> {
    return decode(await this.getPieces((piece) => planKey(run, piece), pieces)) as Parcel
  }

  async putFacts(run: string, agent: string, facts: readonly Facts[]): Promise<void> {
    const pieces = await this.putPieces((piece) => factsKey(run, agent, piece + 1), encode(facts))
    await this.bucket.put(factsKey(run, agent, 0), encode(pieces))
  }

  /** null: the agent has not told them. */
  async factsOf(run: string, agent: string): Promise<readonly Facts[] | null> {
    const pieces = await this.read(factsKey(run, agent, 0))
    if (pieces === null) return null
    return decode(await this.getPieces((piece) => factsKey(run, agent, piece + 1), decode(pieces) as number)) as Facts[]
  }

  /** The plan has no further use. */
  async removePlan(run: string, pieces: number): Promise<void> {
    for (let piece = 0; piece < pieces; piece++) await this.bucket.purge(planKey(run, piece))
  }

  private async putPieces(keyOf: (piece: number) => string, bytes: Uint8Array): Promise<number> {
    const pieces = piecesOf(bytes, maxBytesOf(this.connection))
    for (const [i, piece] of pieces.entries()) await this.bucket.put(keyOf(i), piece)
    return pieces.length
  }

  private async getPieces(keyOf: (piece: number) => string, count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for (let i = 0; i < count; i++) {
      const piece = await this.read(keyOf(i))
      if (piece === null) throw new Error(`${keyOf(i)} is not in the bucket ${BUCKET}`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  private async read(key: string): Promise<Uint8Array | null> {
    const entry = await this.bucket.get(key)
    return entry === null || entry.operation !== 'PUT' ? null : entry.value
  }
}

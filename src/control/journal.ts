/**
 * An agent's record of a run, on its own disk: what it was to do, what it was told, and what it measured, each before it is sent.
 *
 * One file, of records with their length before them; what a crash cuts off is the last of them at most. It is read by the version that wrote it.
 */
import { closeSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { EnvironmentError } from '../errors.ts'
import { makeFolder } from '../report/folder.ts'
import { toolVersion } from '../report/host.ts'
import type { ClockFigures, HostFacts } from '../report/types.ts'
import type { Command } from '../run/messages.ts'
import { decode, encode } from './parcel.ts'
import type { Assignment, Parcel, Report } from './protocol.ts'

const NAME = 'journal.bin'
const MAGIC = 'mqtt-scale journal 1\n'
const LENGTH_BYTES = 4

export type JournalRecord =
  | {
      readonly type: 'begin'
      readonly version: string
      readonly agent: string
      readonly host: HostFacts
      readonly assignment: Assignment
      readonly parcel: Parcel
    }
  | {
      readonly type: 'armed'
      readonly clock: ClockFigures
      readonly transport: 'epoll' | 'stream'
      readonly workers: number
      readonly processes: number
    }
  /** How wrong its times can have become. */
  | { readonly type: 'clock'; readonly clock: ClockFigures }
  | { readonly type: 'command'; readonly atUs: number; readonly command: Command }
  | { readonly type: 'report'; readonly atUs: number; readonly report: Report }

export class Journal {
  readonly folder: string
  /** null: everything is written. */
  failure: string | null = null
  private readonly file: number
  private isClosed = false

  /** @throws EnvironmentError  the folder can't be written to, or has a journal already */
  constructor(folder: string) {
    this.folder = folder
    try {
      makeFolder(folder)
      this.file = openSync(join(folder, NAME), 'wx')
      writeSync(this.file, MAGIC)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw new EnvironmentError(code === 'EEXIST' ? `${folder} has a journal of another run` : `can't write to ${folder} (${code})`, {
        cause,
        hint: 'name another folder with --out',
      })
    }
  }

  /**
   * Never throws: what can't be written is on its way to the controller still. After `close` it does nothing: the descriptor may be another file's by
   * then.
   */
  write(record: JournalRecord): void {
    if (this.failure !== null || this.isClosed) return
    const bytes = encode(record)
    const framed = Buffer.alloc(LENGTH_BYTES + bytes.length)
    framed.writeUInt32BE(bytes.length)
    framed.set(bytes, LENGTH_BYTES)
    try {
      for (let at = 0; at < framed.length; ) at += writeSync(this.file, framed, at)
    } catch (error) {
      this.failure = `${join(this.folder, NAME)} can't be written (${(error as NodeJS.ErrnoException).code}): from here on only the controller has it`
    }
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    closeSync(this.file)
  }
}

/** Journals in a folder and in those below it. */
export function findJournals(folder: string): string[] {
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch (cause) {
    throw new EnvironmentError(`can't read ${folder} (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
  return names
    .filter((name) => name.split(/[\\/]/).at(-1) === NAME)
    .sort()
    .map((name) => join(folder, name))
}

/** Its records, one after the other; what was cut off at the end is left out. @throws EnvironmentError  it is no journal of this version */
export function* readJournal(path: string): Generator<JournalRecord> {
  const file = openSync(path, 'r')
  try {
    const take = (bytes: number): Buffer | null => {
      const buffer = Buffer.alloc(bytes)
      for (let at = 0; at < bytes; ) {
        const read = readSync(file, buffer, at, bytes - at, null)
        if (read === 0) return null
        at += read
      }
      return buffer
    }
    if (take(MAGIC.length)?.toString('latin1') !== MAGIC) throw new EnvironmentError(`${path} is no journal of an agent`)
    for (;;) {
      const bytes = take(take(LENGTH_BYTES)?.readUInt32BE() ?? 0)
      if (bytes === null || bytes.length === 0) return
      const record = decode(bytes) as JournalRecord
      if (record.type === 'begin') checkVersion(path, record.version)
      yield record
    }
  } finally {
    closeSync(file)
  }
}

function checkVersion(path: string, version: string): void {
  if (version === toolVersion()) return
  throw new EnvironmentError(`${path} was written by mqtt-scale ${version}, and this is ${toolVersion()}`, {
    hint: `read it with version ${version}`,
  })
}

import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Chronicle } from '../../src/control/chronicle.ts'
import { findJournals, Journal, type JournalRecord, readJournal } from '../../src/control/journal.ts'
import { toolVersion } from '../../src/report/host.ts'
import { samplePlan } from '../load/sample-plan.ts'
import { sampleAssignment, sampleGain, sampleHello } from './sample.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'journal-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function begin(version = toolVersion()): JournalRecord {
  const { host } = sampleHello('a')
  const parcel = { plan: samplePlan(), files: new Map([['ca.pem', Buffer.from('x')]]) }
  return { type: 'begin', version, agent: 'a', host, assignment: sampleAssignment({ epochNs: 1n << 62n }), parcel }
}

const RECORDS: readonly JournalRecord[] = [
  begin(),
  { type: 'armed', clock: { offsetUs: -3, boundUs: 7 }, transport: 'epoll', workers: 2, processes: 1 },
  { type: 'command', atUs: 1, command: { type: 'lease', untilUs: Number.POSITIVE_INFINITY } },
  { type: 'report', atUs: 2, report: { type: 'telling', telling: { type: 'gained', gain: sampleGain(1, { sent: 5 }) } } },
  { type: 'clock', clock: { offsetUs: -3, boundUs: 9 } },
  { type: 'report', atUs: 3, report: { type: 'gone', why: null } },
]

/** A journal with records, and the length of its file after each. */
function written(records: readonly JournalRecord[]): { path: string; lengths: readonly number[] } {
  const journal = new Journal(join(folder(), 'agent-a-abcdef'))
  const path = join(journal.folder, 'journal.bin')
  const lengths = records.map((record) => {
    journal.write(record)
    return readFileSync(path).length
  })
  journal.close()
  expect(journal.failure).toBeNull()
  return { path, lengths }
}

describe('a journal', () => {
  test('is read as it was written', () => {
    const { path } = written(RECORDS)
    expect([...readJournal(path)]).toEqual(RECORDS)
    expect(findJournals(join(path, '..', '..'))).toEqual([path])
  })

  test('has each record on the disk as soon as it is written', () => {
    const { lengths } = written(RECORDS)
    expect(new Set(lengths).size).toBe(RECORDS.length)
  })

  test('that was cut off anywhere has all records before, and nothing of the last', () => {
    const { path, lengths } = written(RECORDS)
    const [before, end] = lengths.slice(-2) as [number, number]
    for (let length = end - 1; length >= before; length--) {
      truncateSync(path, length)
      expect([...readJournal(path)]).toEqual(RECORDS.slice(0, -1))
    }
    truncateSync(path, before - 1)
    expect([...readJournal(path)]).toEqual(RECORDS.slice(0, -2))
  })

  test('ends where the disk has zeros', () => {
    const { path } = written(RECORDS)
    appendFileSync(path, Buffer.alloc(4096))
    expect([...readJournal(path)]).toEqual(RECORDS)
  })

  test('that is closed takes nothing more, though its descriptor is another file’s by then', () => {
    const journal = new Journal(join(folder(), 'agent-a-abcdef'))
    journal.write(RECORDS[0]!)
    journal.close()
    const other = join(journal.folder, 'other')
    const file = openSync(other, 'w')
    onTestFinished(() => closeSync(file))
    journal.write(RECORDS[1]!)
    journal.close()
    expect(journal.failure).toBeNull()
    expect(readFileSync(other)).toHaveLength(0)
    expect([...readJournal(join(journal.folder, 'journal.bin'))]).toEqual(RECORDS.slice(0, 1))
  })

  test('is never written over', () => {
    const { path } = written(RECORDS)
    expect(() => new Journal(join(path, '..'))).toThrow(/agent-a-abcdef has a journal of another run$/)
    expect([...readJournal(path)]).toEqual(RECORDS)
  })

  test('that can’t be begun says so', () => {
    const path = join(folder(), 'file')
    writeFileSync(path, '')
    expect(() => new Journal(join(path, 'below'))).toThrow(`can't write to ${path}/below (ENOTDIR)`)
  })

  test('that can’t be written any more says so once, and ends nothing', () => {
    const journal = new Journal(folder())
    journal.write(RECORDS[0]!)
    closeSync((journal as unknown as { file: number }).file)
    journal.write(RECORDS[1]!)
    const { failure } = journal
    expect(failure).toBe(`${journal.folder}/journal.bin can't be written (EBADF): from here on only the controller has it`)
    journal.write(RECORDS[2]!)
    expect(journal.failure).toBe(failure)
    expect([...readJournal(join(journal.folder, 'journal.bin'))]).toEqual([RECORDS[0]])
  })

  test.each([
    { what: 'another program’s', bytes: 'PNG, or whatever else has this name' },
    { what: 'of another format', bytes: 'mqtt-scale journal 2\n' },
    { what: 'empty', bytes: '' },
  ])('that is $what is none, and named', ({ bytes }) => {
    const path = join(folder(), 'journal.bin')
    writeFileSync(path, bytes)
    expect(() => [...readJournal(path)]).toThrow(`${path} is no journal of an agent`)
  })

  test('of another version is not guessed at', () => {
    const { path } = written([begin('0.0.7')])
    expect(() => [...readJournal(path)]).toThrow(`${path} was written by mqtt-scale 0.0.7, and this is ${toolVersion()}`)
  })
})

describe('journals below a folder', () => {
  test('are found by their name, in the order of their paths', () => {
    const top = folder()
    for (const name of ['b', 'a/deep', 'c']) {
      mkdirSync(join(top, name), { recursive: true })
      writeFileSync(join(top, name, name === 'c' ? 'other-journal.bin' : 'journal.bin'), '')
    }
    expect(findJournals(top)).toEqual(['a/deep', 'b'].map((name) => join(top, name, 'journal.bin')))
    expect(() => findJournals(join(top, 'nowhere'))).toThrow('nowhere (ENOENT)')
  })
})

describe('the chronicle of a journal', () => {
  test('knows the agent before the first record, and its end after the last', () => {
    const chronicle = new Chronicle(written(RECORDS).path)
    expect(chronicle.facts).toMatchObject({ id: 'a', workers: 2, processes: 1, clock: { offsetUs: -3, boundUs: 7 } })
    expect(chronicle.ending).toBeUndefined()
    const times: number[] = []
    while (chronicle.nextUs < Number.POSITIVE_INFINITY) times.push(chronicle.take().atUs)
    expect(times).toEqual([1, 2, 3])
    expect(chronicle.facts.clock).toEqual({ offsetUs: -3, boundUs: 9 })
    expect([chronicle.ending, chronicle.lastUs]).toEqual([null, 3])
  })

  test('of an agent that was never armed has nothing but its plan', () => {
    const chronicle = new Chronicle(written(RECORDS.slice(0, 1)).path)
    expect(chronicle.nextUs).toBe(Number.POSITIVE_INFINITY)
    expect(chronicle.facts.workers).toBe(0)
  })

  test('of a journal without a beginning there is none', () => {
    const { path } = written([])
    expect(() => new Chronicle(path)).toThrow(`${path} holds nothing`)
  })
})

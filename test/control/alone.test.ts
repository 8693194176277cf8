import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Alone, CONTROLLER_GONE } from '../../src/control/alone.ts'
import type { RunState } from '../../src/control/protocol.ts'
import type { Runs } from '../../src/control/runs.ts'
import type { Facts } from '../../src/load/facts.ts'
import type { Plan } from '../../src/load/plan.ts'
import type { Command, Telling } from '../../src/run/messages.ts'
import { samplePlan } from '../load/sample-plan.ts'

const S = 1e6

beforeEach(() => {
  vi.useFakeTimers()
  // After what a test leaves to be ended.
  onTestFinished(() => void vi.useRealTimers())
})

/** Facts of an agent are told apart by what is pending. */
const factsOf = (pending: number) => [{ pending } as Facts]

interface Drill {
  readonly phases?: Partial<Plan['phases']>
  /** What others have told by then; a number: they do so that many seconds after this agent. */
  readonly others?: Readonly<Record<string, { readonly facts: readonly Facts[]; readonly afterS?: number }>>
  readonly state?: () => RunState['state'] | null
  readonly isServerUp?: () => boolean
  /** With this command somebody ends the agent. */
  readonly endsWith?: Command['type']
}

/** An agent called `b` whose controller is heard until `silence` is called. Times are seconds since the start. */
function start({ phases = {}, others = {}, state = () => 'running', isServerUp = () => true, endsWith }: Drill = {}) {
  const startMs = performance.now()
  const nowUs = () => (performance.now() - startMs) * 1000
  const nowS = () => Math.round(nowUs() / 1e4) / 100
  const heard: { us: number | null } = { us: null }
  const said: string[] = []
  const done: { at: number; command: Command }[] = []
  const told: { at: number; facts: readonly Facts[] }[] = []
  const up = () => {
    if (!isServerUp()) throw new Error('timeout')
  }
  const runs = {
    stateOf: async () => {
      up()
      const now = state()
      return now && { state: now, agents: [] }
    },
    putFacts: async (_: string, agent: string, facts: readonly Facts[]) => {
      up()
      expect(agent).toBe('b')
      told.push({ at: nowS(), facts })
    },
    factsOf: async (_: string, agent: string) => {
      up()
      const other = others[agent]
      const isTold = other !== undefined && told.length > 0 && nowS() >= told[0]!.at + (other.afterS ?? 0)
      return isTold ? other.facts : null
    },
  } as unknown as Runs
  const obey = (command: Command) => void done.push({ at: nowS(), command })
  const answers: Partial<Record<Telling['type'], unknown>> = { facts: { facts: factsOf(2) } }
  const alone = new Alone({
    runs,
    run: 'abcdef',
    agent: 'b',
    agents: ['a', 'b', 'c'],
    plan: samplePlan({ phases: { ...samplePlan().phases, warmUpUs: 2 * S, measureUs: 300 * S, drainUs: 3 * S, ...phases } }),
    nowUs,
    silentUs: () => (heard.us === null ? 0 : nowUs() - heard.us),
    isEnding: () => done.some(({ command }) => command.type === endsWith),
    tell: obey,
    ask: async (command, type) => {
      obey(command)
      return answers[type] as never
    },
    onWords: (words) => said.push(words),
  })
  const ended: { at: number; why: string }[] = []
  /** Looks once a second, as the heart beats. */
  const pass = async (seconds: number) => {
    for (let s = 0; s < seconds && ended.length === 0; s++) {
      await vi.advanceTimersByTimeAsync(1000)
      await vi.advanceTimersByTimeAsync(0)
      if (ended.length > 0) return
      void alone.look().then((why) => {
        if (why !== null) ended.push({ at: nowS(), why })
      })
      await vi.advanceTimersByTimeAsync(0)
    }
  }
  return {
    alone,
    said,
    done,
    told,
    ended,
    pass,
    types: () => done.map(({ command }) => command.type),
    silence: () => {
      heard.us = nowUs()
    },
    hear: () => {
      heard.us = null
    },
    account: () => done.map(({ command }) => command).find((command) => command.type === 'account')!,
  }
}

const publish: Command = { type: 'publish', originUs: 10 * S }

describe('an agent without a controller', () => {
  test('does nothing while the controller is heard', async () => {
    const { alone, pass, ended, done, said } = start()
    alone.heard(publish)
    await pass(600)
    expect([ended, done, said]).toEqual([[], [], []])
  })

  test('goes on for a minute, and brings the run to its end in order', async () => {
    const { alone, pass, silence, ended, done, types } = start()
    alone.heard(publish)
    await pass(100)
    silence()
    await pass(90)
    expect(types()).toEqual(['cut', 'drain', 'finish', 'facts', 'account', 'leave'])
    expect(done[0]).toEqual({ at: 160, command: { type: 'cut', endUs: 160 * S } })
    expect(done.at(-1)!.command).toEqual({ type: 'leave', cleanUp: true, everyone: false })
    expect(ended).toMatchObject([{ why: CONTROLLER_GONE }])
  })

  test('ends measure with the run, where that is sooner', async () => {
    const { alone, pass, silence, done, types } = start({ phases: { measureUs: 100 * S } })
    alone.heard(publish)
    await pass(100)
    silence()
    await pass(30)
    // 10 s and warm-up and measure: it is at 112.
    expect(types()[0]).toBe('cut')
    expect(done[0]).toEqual({ at: 112, command: { type: 'cut', endUs: 112 * S } })
  })

  test('ends measure where the controller had cut it', async () => {
    const { alone, pass, silence, done } = start()
    alone.heard(publish)
    alone.heard({ type: 'cut', endUs: 103 * S })
    await pass(100)
    silence()
    await pass(30)
    expect(done[0]!.command).toEqual({ type: 'cut', endUs: 103 * S })
  })

  test('ends measure with a whole second of it, whatever the moment', async () => {
    const { alone, pass, silence, done, account } = start({ phases: { warmUpUs: 0.5 * S } })
    alone.heard({ type: 'publish', originUs: 10.25 * S })
    await pass(100)
    silence()
    await pass(90)
    expect(done[0]).toEqual({ at: 160, command: { type: 'cut', endUs: 160.75 * S } })
    expect(done[1]).toMatchObject({ at: 160.75, command: { type: 'drain' } })
    expect(account().pieces).toEqual([{ originUs: 10.25 * S, startUs: 10.75 * S, endUs: 160.75 * S }])
  })

  test('that had not begun to publish only leaves', async () => {
    const { pass, silence, types, ended } = start()
    await pass(5)
    silence()
    await pass(70)
    expect(types()).toEqual(['leave'])
    expect(ended).toEqual([{ at: 65, why: CONTROLLER_GONE }])
  })

  test('that has accounted already only leaves, soon', async () => {
    const { alone, pass, silence, types } = start({ phases: { measureUs: 50 * S } })
    alone.heard(publish)
    alone.heard({ type: 'account', facts: [], pieces: [], isFinal: false })
    alone.heard({ type: 'account', facts: [], pieces: [], isFinal: true })
    await pass(100)
    silence()
    await pass(10)
    expect(types()).toEqual(['leave'])
  })

  test('says when the controller is silent, and when it is back', async () => {
    const { pass, silence, hear, said, types } = start()
    silence()
    await pass(30)
    hear()
    await pass(100)
    expect(said).toEqual(['no sign of the controller: the run goes on without it, to its end or for 60 s', 'the controller is back'])
    expect(types()).toEqual([])
  })

  test.each(['cut', 'drain', 'finish', 'facts', 'account'] as const)('that leaves after its %s does nothing more', async (endsWith) => {
    const { alone, pass, silence, ended, types } = start({ endsWith })
    alone.heard(publish)
    await pass(100)
    silence()
    await pass(90)
    expect(types().at(-1)).toBe(endsWith)
    expect(ended).toEqual([])
  })

  test.each(['done', 'aborted', null] as const)('that missed the end of its run finds it %s, and stops', async (state) => {
    const { pass, silence, ended, types } = start({ state: () => state })
    silence()
    await pass(10)
    expect(ended).toMatchObject([{ why: 'the run was over' }])
    expect(ended[0]!.at).toBeLessThanOrEqual(6)
    expect(types()).toEqual([])
  })
})

describe('agents without a controller tell each other their facts', () => {
  async function accountWith(drill: Drill): Promise<{ facts: readonly Facts[]; at: number }> {
    const { alone, pass, silence, account, done, told } = start(drill)
    alone.heard(publish)
    await pass(20)
    silence()
    await pass(90)
    if (drill.isServerUp === undefined) expect(told.map(({ facts }) => facts)).toEqual([factsOf(2)])
    const { at } = done.find(({ command }) => command.type === 'account')!
    const { at: askedAt } = done.find(({ command }) => command.type === 'facts')!
    const found = account()
    if (found.type !== 'account') throw new Error('it has not accounted')
    expect(found.isFinal).toBe(true)
    return { facts: found.facts, at: at - askedAt }
  }

  test('and account with those of all, in the order that all know', async () => {
    const { facts, at } = await accountWith({ others: { c: { facts: factsOf(3), afterS: 1 }, a: { facts: factsOf(1), afterS: 2 } } })
    expect(facts).toEqual([...factsOf(1), ...factsOf(2), ...factsOf(3)])
    expect(at).toBeGreaterThanOrEqual(2)
    expect(at).toBeLessThan(3)
  })

  test('and wait for five seconds for those who do not', async () => {
    const { facts, at } = await accountWith({ others: { a: { facts: factsOf(1) }, c: { facts: factsOf(3), afterS: 9 } } })
    expect(facts).toEqual([...factsOf(1), ...factsOf(2)])
    expect(at).toBeGreaterThanOrEqual(5)
    expect(at).toBeLessThan(6)
  })

  test('or account with their own, where there is no server', async () => {
    expect((await accountWith({ isServerUp: () => false, others: { a: { facts: factsOf(1) } } })).facts).toEqual(factsOf(2))
  })
})

import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Orders, OrderTaker } from '../../src/control/orders.ts'
import { decode, encode, partsOf } from '../../src/control/parcel.ts'
import type { Answer, Order } from '../../src/control/protocol.ts'
import { Air, type Fate } from './air.ts'

/** A server that takes 100 bytes of an order at once: short ones have some parts, long ones many. */
const MAX_BYTES = 4096 + 100

beforeEach(() => {
  vi.useFakeTimers()
  // After what a test leaves to be ended.
  onTestFinished(() => void vi.useRealTimers())
})

interface Taker {
  readonly done: string[]
  readonly admit?: (controller: string) => Answer | null
  /** How long an order takes, ms. */
  readonly lengthMs?: number
}

const order = (why: string): Order => ({ type: 'abort', why })
const refused = (words: string): Answer => ({ type: 'refused', words, hint: null })

/** An agent that answers each order with its own words. */
function startTaker(air: Air, { done, admit = () => null, lengthMs = 0 }: Taker): OrderTaker {
  return new OrderTaker(air.connect(), 'a', admit, async (taken) => {
    if (taken.type !== 'abort') throw new Error('no other order is sent here')
    done.push(taken.why)
    if (lengthMs > 0) await new Promise((resolve) => setTimeout(resolve, lengthMs))
    return refused(taken.why)
  })
}

function ordersOf(air: Air, controller = 'c1'): Orders {
  const orders = new Orders({ connection: air.connect(), agent: 'a', controller })
  onTestFinished(() => orders.end())
  return orders
}

function airWith(fate: () => Fate = () => [0]): Air {
  const air = new Air()
  air.maxBytes = MAX_BYTES
  air.fate = fate
  return air
}

/** Moves the clock until it is there. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let isThere = false
  const there = promise.finally(() => {
    isThere = true
  })
  there.catch(() => {})
  while (!isThere) await vi.advanceTimersByTimeAsync(50)
  return there
}

/** Lost, late, too late, twice, and twice in the other order. */
const fates = fc.constantFrom<Fate>([], [0], [0], [0], [300], [1500], [0, 0], [0, 700], [2500, 0])

describe('orders', () => {
  test('are done once each and in turn, whatever becomes of them and their answers on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(400), { minLength: 1, maxLength: 8 }),
        fc.infiniteStream(fates),
        fc.nat(1500),
        async (sizes, dice, lengthMs) => {
          const air = airWith(() => dice.next().value!)
          const done: string[] = []
          startTaker(air, { done, lengthMs })
          const orders = ordersOf(air)
          const wanted = sizes.map((size, i) => `${i}${'x'.repeat(size)}`)
          const answers = await soon(Promise.all(wanted.map((why) => orders.send(order(why)))))
          expect(answers).toEqual(wanted.map(refused))
          await vi.advanceTimersByTimeAsync(5000)
          expect(done).toEqual(wanted)
        },
      ),
      { numRuns: 50 },
    )
  })

  test('some of which were given up are done once at most, and those after them as well', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(400), fc.constantFrom(100, 1000, 3000)), { minLength: 1, maxLength: 8 }),
        fc.infiniteStream(fates),
        async (sent, dice) => {
          const air = airWith(() => dice.next().value!)
          const done: string[] = []
          startTaker(air, { done })
          const orders = ordersOf(air)
          const wanted = sent.map(([size], i) => `${i}${'x'.repeat(size)}`)
          const answers = await soon(
            Promise.all([...wanted.map((why, i) => orders.send(order(why), sent[i]![1])), orders.send(order('last'))]),
          )
          for (const [i, answer] of answers.slice(0, -1).entries()) if (answer !== null) expect(answer).toEqual(refused(wanted[i]!))
          expect(answers.at(-1)).toEqual(refused('last'))
          await vi.advanceTimersByTimeAsync(5000)
          const numbers = done.map((why) => (why === 'last' ? sent.length : Number.parseInt(why, 10)))
          expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
          expect(done.filter((why) => why === 'last')).toHaveLength(1)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('of an agent that starts anew between two parts are sent anew, whole', async () => {
    const air = airWith()
    const done: string[] = []
    const first = startTaker(air, { done: [] })
    const seen: number[] = []
    air.fate = () => {
      // A part, its answer, and then another agent is there.
      if (seen.push(0) === 3) {
        first.subscription.unsubscribe()
        startTaker(air, { done })
      }
      return [0]
    }
    const why = 'x'.repeat(300)
    expect(await soon(ordersOf(air).send(order(why)))).toEqual(refused(why))
    expect(done).toEqual([why])
  })

  test('to nobody are given up in time, and no sooner', async () => {
    const orders = ordersOf(airWith())
    const startMs = performance.now()
    expect(await soon(orders.send(order('x'), 4000))).toBeNull()
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(4000)
    expect(performance.now() - startMs).toBeLessThan(4400)
  })

  test('are waited for as long as they take', async () => {
    const done: string[] = []
    const air = airWith()
    startTaker(air, { done, lengthMs: 60_000 })
    expect(await soon(ordersOf(air).send(order('long')))).toEqual(refused('long'))
    expect(done).toEqual(['long'])
  })

  test('that are cancelled make way for the next', async () => {
    const air = airWith(() => [])
    const done: string[] = []
    startTaker(air, { done })
    const orders = ordersOf(air)
    const [before, waiting] = [orders.send(order('before')), orders.send(order('waiting'))]
    await vi.advanceTimersByTimeAsync(100)
    orders.cancel()
    air.fate = () => [0]
    expect(await soon(orders.send(order('after')))).toEqual(refused('after'))
    expect(await Promise.all([before, waiting])).toEqual([null, null])
    expect(done).toEqual(['after'])
  })

  test('are sent no more when they have ended', async () => {
    const air = airWith(() => [])
    const done: string[] = []
    startTaker(air, { done })
    const orders = ordersOf(air)
    const sent = orders.send(order('x'))
    await vi.advanceTimersByTimeAsync(2000)
    orders.end()
    air.fate = () => [0]
    expect(await soon(sent)).toBeNull()
    expect(done).toEqual([])
  })
})

describe('an agent', () => {
  test('listens to one controller, and refuses others', async () => {
    const air = airWith()
    const done: string[] = []
    let owner: string | null = null
    startTaker(air, { done, admit: (controller) => (owner === null || owner === controller ? null : refused('it serves run r')) })
    const [ours, theirs] = [ordersOf(air, 'ours'), ordersOf(air, 'theirs')]
    expect(await soon(ours.send(order('1')))).toEqual(refused('1'))
    owner = 'ours'
    expect(await soon(theirs.send(order('2')))).toEqual(refused('it serves run r'))
    expect(await soon(ours.send(order('3')))).toEqual(refused('3'))
    expect(done).toEqual(['1', '3'])
  })

  test('that is free takes the next controller, whose numbers begin anew', async () => {
    const air = airWith()
    const done: string[] = []
    startTaker(air, { done })
    for (const controller of ['first', 'second'])
      expect(await soon(ordersOf(air, controller).send(order(controller)))).toEqual(refused(controller))
    expect(done).toEqual(['first', 'second'])
  })

  test.each([
    { what: 'nothing', bytes: new Uint8Array(0) },
    { what: 'less than a head', bytes: new Uint8Array(7) },
    { what: 'a part that is not from encode', bytes: partsOf(Buffer.from('hello'), 0, 1e6)[0]! },
    { what: 'an order that is none', bytes: partsOf(encode(null), 0, 1e6)[0]! },
  ])('refuses $what, and takes the next order', async ({ bytes }) => {
    const air = airWith()
    const done: string[] = []
    startTaker(air, { done })
    const asked = air.connect().request('ms.agent.a', bytes, { timeout: 1000 })
    const { data } = await soon(asked)
    expect(decode(data)).toMatchObject({ type: 'refused', words: expect.stringContaining("it can't read that order: ") })
    expect(await soon(ordersOf(air).send(order('next')))).toEqual(refused('next'))
    expect(done).toEqual(['next'])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Audience } from '../../src/load/audience.ts'
import { Group } from '../../src/load/group.ts'
import { streamOf } from '../../src/load/slice.ts'
import { matches } from '../helpers/lies.ts'
import { sampleEntry, sampleGroup, samplePlan } from './sample-plan.ts'

const CLIENTS = 6
const levels = [
  { name: 'region', count: 2, values: ['eu', 'us'] },
  { name: 'plant', count: 3, values: null },
]

/** Two groups with these topics, and what any of their clients sends on. */
function groupsOf(topics: readonly string[]): Group[] {
  const plans = ['one', 'two'].map((name, index) =>
    sampleGroup({
      name,
      index,
      // Makes the group use all levels, whatever its topics.
      clientId: '{region}-{plant}-{client}',
      clients: CLIENTS,
      firstClient: index * CLIENTS,
      publish: topics.map((topic, e) => sampleEntry({ index: index * topics.length + e, name: `${name}${e}`, topic })),
    }),
  )
  const plan = samplePlan({ levels, groups: plans, clients: 2 * CLIENTS })
  const around = { plan, run: 'abcdef', endpoints: [], files: new Map(), unixEpochMs: 0 }
  return plans.map((group) => new Group(around, group, [0, CLIENTS], null))
}

const topicLevel = fc.constantFrom('{region}', '{plant}', '{client}', 'device-{client}', 't', 'eu', 'plant-2', '$SYS')
const filterLevel = fc.oneof(topicLevel, fc.constant('+'))
const topics = fc.array(fc.array(topicLevel, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 })
const filters = fc
  .tuple(fc.array(filterLevel, { maxLength: 4 }), fc.boolean(), fc.boolean())
  .map(([parts, isOpen, isShared]) => ({ plain: [...parts, ...(isOpen || parts.length === 0 ? ['#'] : [])].join('/'), isShared }))

describe('an audience', () => {
  it('is what matching every topic with every filter would find, for any templates', () => {
    fc.assert(
      fc.property(topics, filters, (topicLevels, { plain, isShared }) => {
        const groups = groupsOf(topicLevels.map((parts) => parts.join('/')))
        const template = isShared ? `$share/name/${plain}` : plain
        const instances = Array.from({ length: CLIENTS }, (_, i) => groups[0]!.renderer.render(template, i))
        const audience = new Audience(groups, [{ template, filters: () => instances }])
        for (const filter of instances) {
          const found: number[] = []
          audience.eachStream(template, filter, (stream, group, entry, publisher) => {
            expect(stream).toBe(streamOf(group.plan.publish[entry]!.index, group.plan.firstClient + publisher))
            found.push(stream)
          })
          const expected = groups.flatMap((group) =>
            group.plan.publish.flatMap(({ index, topic }) =>
              Array.from({ length: CLIENTS }, (_, publisher) => publisher)
                .filter((publisher) => matches(filter.replace('$share/name/', ''), group.renderer.render(topic, publisher)))
                .map((publisher) => streamOf(index, group.plan.firstClient + publisher)),
            ),
          )
          expect(
            found.sort((a, b) => a - b),
            `${filter} of ${template}`,
          ).toEqual(expected.sort((a, b) => a - b))
        }
      }),
      { numRuns: 600 },
    )
  })

  it.each([
    ['#', '$SYS/t', 0],
    ['+/t', '$SYS/t', 0],
    ['$SYS/+', '$SYS/t', CLIENTS],
    ['#', 't/{client}', CLIENTS],
    ['t/{client}', 't/{client}', 1],
    ['t/{client}', 't/device-{client}', 0],
    ['t/{client}/#', 't/{client}', 1],
    ['+/+/#', 't', 0],
    ['{region}/#', '{region}/{plant}', CLIENTS / 2],
  ])('of %s has, for topics %s, %i clients of each group', (template, topic, count) => {
    const groups = groupsOf([topic])
    const filter = groups[0]!.renderer.render(template, 2)
    let found = 0
    new Audience(groups, [{ template, filters: () => [filter] }]).eachStream(template, filter, () => found++)
    expect(found).toBe(2 * count)
  })
})

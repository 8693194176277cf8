import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { filterProblem, matches, parseShare, topicProblem } from '../../src/mqtt/topic.ts'

describe('a topic name', () => {
  test.each(['a', '/', 'a/b', '/a//b/', '$SYS/a', 'Größe/温度/🌡', 'a b', 'x'.repeat(65_535)])('%s is legal', (topic) => {
    expect(topicProblem(topic)).toBeNull()
  })

  test.each([
    { why: 'empty', topic: '', problem: 'empty' },
    { why: 'with +', topic: 'a/+/b', problem: 'wildcard' },
    { why: 'with # inside a level', topic: 'a#', problem: 'wildcard' },
    { why: 'with U+0000', topic: 'a\0b', problem: 'U+0000' },
    { why: 'with half a surrogate pair', topic: 'a\ud83cb', problem: 'surrogate' },
    { why: 'too long', topic: 'x'.repeat(65_536), problem: '65,535' },
    { why: 'too long in UTF-8 only', topic: 'ü'.repeat(32_768), problem: '65,535' },
  ])('$why is none', ({ topic, problem }) => {
    expect(topicProblem(topic)).toContain(problem)
  })
})

describe('a topic filter', () => {
  test.each(['#', '+', '/', 'a/#', '+/a/+', '/+', '/#', 'a//#', '$SYS/#', '$share/g/a', '$share/g/+/b/#', '$share/g//a', '$shared/a'])(
    '%s is legal',
    (filter) => {
      expect(filterProblem(filter)).toBeNull()
    },
  )

  test.each([
    { filter: '', problem: 'empty' },
    { filter: 'a/#/b', problem: '#' },
    { filter: 'a#', problem: '#' },
    { filter: '##', problem: '#' },
    { filter: 'a+/b', problem: '+' },
    { filter: '++', problem: '+' },
    { filter: 'a\0', problem: 'U+0000' },
    { filter: '$share', problem: '$share' },
    { filter: '$share/', problem: '$share' },
    { filter: '$share/g', problem: '$share' },
    { filter: '$share/g/', problem: '$share' },
    { filter: '$share//a', problem: '$share' },
    { filter: '$share/+/a', problem: '$share' },
    { filter: '$share/g/a#', problem: '#' },
  ])('$filter is none', ({ filter, problem }) => {
    expect(filterProblem(filter)).toContain(problem)
  })

  test.each([
    { filter: '$share/g/a/#', share: { group: 'g', filter: 'a/#' } },
    { filter: '$share/g//a', share: { group: 'g', filter: '/a' } },
    { filter: 'a/#', share: null },
    { filter: '$share/g', share: null },
    { filter: '$share/g/', share: null },
    { filter: '$share//a', share: null },
    { filter: '$share/a#/b', share: null },
  ])('$filter has the share $share', ({ filter, share }) => {
    expect(parseShare(filter)).toEqual(share)
  })
})

describe('matching', () => {
  test.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a', 'ab', false],
    ['ab', 'a', false],
    ['a/b', 'a', false],
    ['a', 'a/b', false],
    ['a/#', 'a', true],
    ['a/#', 'a/', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['a/+/#', 'a', false],
    ['a/+/#', 'a/b', true],
    ['#', 'a/b', true],
    ['+', 'a', true],
    ['+', '/a', false],
    ['+/+', '/a', true],
    ['/+', '/a', true],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['a/+/c', 'a/b/c', true],
    ['a/+/c', 'a/b/d', false],
    ['#', '$SYS/a', false],
    ['+/a', '$SYS/a', false],
    ['$SYS/#', '$SYS/a', true],
    ['$SYS/+', '$SYS/a', true],
    ['a/+', 'a/$b', true],
    ['A', 'a', false],
  ] as const)('%s and %s: %s', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected)
  })

  test('is what comparing level by level says', () => {
    const level = fc.constantFrom('a', 'b', 'ab', '', '$x')
    const topics = fc.array(level, { minLength: 1, maxLength: 4 })
    const filters = fc
      .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
      .map(([ls, all]) => (all ? [...ls, '#'] : ls))
    const slowly = (filter: string[], topic: string[]): boolean => {
      if (topic[0]!.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return false
      const isAll = filter.at(-1) === '#'
      const levels = isAll ? filter.slice(0, -1) : filter
      if (isAll ? topic.length < levels.length : topic.length !== levels.length) return false
      return levels.every((l, i) => l === '+' || l === topic[i])
    }
    fc.assert(
      fc.property(
        filters.filter((f) => f.length > 0),
        topics,
        (filter, topic) => {
          expect(matches(filter.join('/'), topic.join('/'))).toBe(slowly(filter, topic))
        },
      ),
    )
  })
})

/**
 * Prometheus's text format, by the examples of its documentation and by what brokers and proxies really answer.
 */
import { describe, expect, test } from 'vitest'
import { parseSelector } from '../../src/load/selector.ts'
import { parseExposition } from '../../src/watch/exposition.ts'

const samplesOf = (text: string, ...names: string[]) => parseExposition(text, new Set(names)).get(names[0]!) ?? null

describe('a line', () => {
  test.each([
    { why: 'a name and a value', line: 'm 3', labels: {}, value: 3 },
    { why: 'a time, which is left out', line: 'm 3 1395066363000', labels: {}, value: 3 },
    { why: 'labels', line: 'm{a="1",b="x y"} 1027', labels: { a: '1', b: 'x y' }, value: 1027 },
    { why: 'labels with a comma at their end', line: 'm{a="1",} 2', labels: { a: '1' }, value: 2 },
    { why: 'no label in its braces', line: 'm{} 2', labels: {}, value: 2 },
    { why: 'blanks everywhere', line: ' \tm { a = "1" , b = "2" }\t 2 ', labels: { a: '1', b: '2' }, value: 2 },
    { why: 'escapes', line: 'm{a="C:\\\\D\\n\\"E\\"}"} 1', labels: { a: 'C:\\D\n"E"}' }, value: 1 },
    { why: 'an exponent', line: 'm 1.458255915e9', labels: {}, value: 1.458255915e9 },
    { why: 'infinity', line: 'm +Inf', labels: {}, value: Number.POSITIVE_INFINITY },
    { why: 'less than everything', line: 'm -Inf', labels: {}, value: Number.NEGATIVE_INFINITY },
    { why: 'no number', line: 'm NaN', labels: {}, value: Number.NaN },
    { why: 'an exemplar', line: 'm{le="0.1"} 8 # {trace_id="x"} 0.067', labels: { le: '0.1' }, value: 8 },
    { why: 'an end of Windows', line: 'm 3\r', labels: {}, value: 3 },
  ])('with $why', ({ line, labels, value }) => {
    expect(samplesOf(`${line}\n`, 'm')).toEqual([{ labels, value }])
  })

  test('of another name is only skipped, and so are HELP, TYPE, EOF and empty ones', () => {
    const text = '# HELP m Some "text" 5\n# TYPE m counter\n\nm_other{not closed\nm{a="1"} 1\nmm 7\nm{a="2"} 2\n# EOF'
    expect(samplesOf(`first 1\n${text}`, 'm')?.map(({ value }) => value)).toEqual([1, 2])
  })

  test('that is not there is no sample', () => {
    expect(samplesOf('other 1\n', 'm')).toBeNull()
  })
})

describe('what is no scrape is said', () => {
  test.each([
    { why: 'a page', text: '<!doctype html><title>Log in</title>' },
    { why: 'JSON', text: '{"error":"unauthorized"}' },
    { why: 'words', text: 'not found' },
    { why: 'nothing', text: '' },
    { why: 'comments alone', text: '# HELP m\n' },
    { why: 'labels that do not end', text: 'm{a="1 2\n' },
    { why: 'a value that is none', text: 'm x\n' },
    { why: 'no value', text: 'm\n' },
    { why: 'a name that goes on', text: 'm-x 1\n' },
  ])('$why', ({ text }) => {
    expect(() => samplesOf(text, 'm')).toThrow(/not in the text format|has no metrics/)
  })
})

test('a selector is a name, or one with labels, and nothing behind', () => {
  expect(parseSelector('a_b:c')).toEqual({ name: 'a_b:c', labels: {} })
  expect(parseSelector('m{x="1", y="2"}')).toEqual({ name: 'm', labels: { x: '1', y: '2' } })
  for (const text of ['', '1a', 'm{', 'm{x=1}', 'm{x="1"} 5', 'm x', 'sum(m)']) expect(parseSelector(text), text).toBeNull()
})

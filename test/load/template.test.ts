import { describe, expect, test } from 'vitest'
import { Placer } from '../../src/load/placement.ts'
import { Renderer, variablesOf } from '../../src/load/template.ts'
import { sampleEntry, sampleGroup, sampleNode, samplePlan } from './sample-plan.ts'

const plan = samplePlan({
  nodes: [sampleNode('north'), sampleNode('south')],
  levels: [
    { name: 'region', count: 2, values: ['eu', 'us'] },
    { name: 'plant', count: 20, values: null },
  ],
})
const group = sampleGroup({ clients: 40, publish: [sampleEntry({ topic: '{region}/{plant}/device-{client}' })] })
const renderer = new Renderer(plan, group, 'k3f9xz')

describe('a template', () => {
  test.each([
    ['{region}/{plant}/device-{client}/temperature', 'us/plant-2/device-21/temperature'],
    ['{clientId}', 'k3f9xz-sensors-21'],
    ['a/{group}/{run}', 'a/sensors/k3f9xz'],
    ['{client}{client}', '2121'],
    ['no variables', 'no variables'],
    ['', ''],
    ['{', '{'],
    ['{}', '{}'],
    ['{ client }', '{ client }'],
    ['{{client}}', '{21}'],
    ['{"id":{client}}', '{"id":21}'],
    ['${env:TOKEN}', '${env:TOKEN}'],
  ])('%j is %j for client 21', (template, text) => {
    expect(renderer.render(template, 21)).toBe(text)
    expect(renderer.render(template, 21)).toBe(text)
  })

  test('names the node of the client’s first connect', () => {
    const placer = new Placer(plan, group)
    for (let client = 0; client < 40; client++) {
      expect(renderer.render('{node}', client)).toBe(plan.nodes[placer.nodeOf(client, 0)]!.name)
    }
  })

  test('is rendered for each client apart, in any order', () => {
    expect([3, 25, 3].map((client) => renderer.render('{region}/{plant}', client))).toEqual(['eu/plant-4', 'us/plant-6', 'eu/plant-4'])
  })

  test('with a variable that does not exist is a bug by now', () => {
    expect(() => renderer.render('{regoin}', 0)).toThrow('{regoin} is a variable')
  })

  test('that a client id is made of cannot be the client id', () => {
    const looped = new Renderer(plan, sampleGroup({ clientId: '{clientId}' }), 'k3f9xz')
    expect(() => looped.render('{clientId}', 0)).toThrow('contain itself')
  })

  test('with a level that the group does not use is a bug, not another topic', () => {
    expect(() => new Renderer(plan, sampleGroup(), 'k3f9xz').render('{region}', 0)).toThrow('has a value')
  })
})

test.each([
  ['{region}/{plant}/{region}', ['region', 'plant', 'region']],
  ['{{a}}{ b }{}{c-1_X}', ['a', 'c-1_X']],
  ['plain', []],
])('the variables of %j are %j', (template, names) => {
  expect(variablesOf(template)).toEqual(names)
})

import { expect, test } from 'vitest'
import { heardEntries } from '../../src/load/heard.ts'
import { loadScenario, NO_OPTIONS } from '../../src/load/scenario.ts'

const heard = (subscribe: string, publish: string) =>
  heardEntries(
    loadScenario(
      'heard.yaml',
      `
topics: { region: [eu, us], plant: 4 }
groups:
  senders: { clients: 4, publish: [${publish}] }
  hearers: { clients: 4, subscribe: [${subscribe}] }
`,
      { ...NO_OPTIONS, brokers: ['mqtt://127.0.0.1'] },
    ),
  )

test.each([
  { why: 'a wildcard over its topic', filter: '{region}/#', heard: [true] },
  { why: 'a level that may be equal', filter: '{region}/plant-1/+', heard: [true] },
  { why: 'a shared subscription', filter: '$share/g/{region}/#', heard: [true] },
  { why: 'another constant', filter: '{region}/{plant}/b', heard: [false] },
  { why: 'another number of levels', filter: '{region}/{plant}', heard: [false] },
])('an entry under $why is heard: $heard', ({ filter, heard: expected }) => {
  expect(heard(`{ filter: "${filter}" }`, '{ topic: "{region}/{plant}/a", every: 1s }')).toEqual(expected)
})

test('what is retained has to be kept, and what goes to other clients may be meant for any filter', () => {
  const publish =
    '{ topic: "a/{client}", every: 1s }, { name: kept, topic: "b/{client}", every: 1s, retain: true }, { name: to, topic: "c/{client}", every: 1s, to: hearers }'
  expect(heard('{ filter: "z" }', publish)).toEqual([false, true, true])
})

import { describe, expect, test } from 'vitest'
import { brokerViews } from '../../src/report/broker.ts'
import { renderHtml } from '../../src/report/html.ts'
import { renderText } from '../../src/report/text.ts'
import type { BrokerFacts } from '../../src/report/types.ts'
import { sampleReport } from '../helpers/sample-report.ts'

const free: BrokerFacts = {
  software: 'mosquitto version 2.0.11',
  versions: ['3.1', '3.1.1', '5'],
  limits: {
    maximumQoS: 2,
    retainAvailable: true,
    sharedSubscriptionAvailable: true,
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifierAvailable: true,
    receiveMaximum: 20,
    maximumPacketSize: 268_435_460,
    topicAliasMaximum: 10,
    sessionExpiryS: null,
    serverKeepAliveS: null,
  },
}
const narrow: BrokerFacts = {
  software: null,
  versions: ['5'],
  limits: {
    maximumQoS: 1,
    retainAvailable: false,
    sharedSubscriptionAvailable: false,
    wildcardSubscriptionAvailable: false,
    subscriptionIdentifierAvailable: false,
    receiveMaximum: 1000,
    maximumPacketSize: 2048,
    topicAliasMaximum: 0,
    sessionExpiryS: 3600,
    serverKeepAliveS: 30,
  },
}
const old: BrokerFacts = { software: 'aedes 1.2.0', versions: ['3.1', '3.1.1'], limits: null }

function reportOf(a: BrokerFacts | null, b: BrokerFacts | null) {
  const { nodes } = sampleReport()
  return sampleReport({ nodes: { a: { ...nodes.a, ...(a && { broker: a }) }, b: { ...nodes.b, ...(b && { broker: b }) } } })
}

describe('what nodes allow', () => {
  test('is said once where they are alike', () => {
    expect(brokerViews(reportOf(free, free))).toEqual([
      {
        nodes: null,
        items: [
          'mosquitto version 2.0.11',
          'MQTT 3.1, 3.1.1, 5',
          'QoS up to 2',
          'receive maximum 20',
          'packets up to 256 MiB',
          '10 topic aliases',
        ],
      },
    ])
  })

  test('is said for each where they are not, with all that is missing', () => {
    expect(brokerViews(reportOf(narrow, old))).toEqual([
      {
        nodes: 'a',
        items: [
          'MQTT 5',
          'QoS up to 1',
          'no retained messages',
          'no shared subscriptions',
          'no wildcards',
          'no subscription identifiers',
          'receive maximum 1,000',
          'packets up to 2 KiB',
          'no topic aliases',
          'session expiry 60 min',
          'keep alive 30 s',
        ],
      },
      { nodes: 'b', items: ['aedes 1.2.0', 'MQTT 3.1, 3.1.1'] },
    ])
  })

  test('is nothing without a probe', () => expect(brokerViews(reportOf(null, null))).toEqual([]))

  test('stands in the summary and on the page', () => {
    const text = renderText(reportOf(free, old), { color: false, width: 100, folder: null })
    expect(text).toMatch(/^Broker {5}a: mosquitto version 2\.0\.11 · MQTT 3\.1, 3\.1\.1, 5 · QoS up to 2 · receive maximum 20$/m)
    expect(text).toMatch(/^Broker {5}b: aedes 1\.2\.0 · MQTT 3\.1, 3\.1\.1$/m)
    expect(renderText(sampleReport(), { color: false, width: 100, folder: null })).not.toMatch(/^Broker/m)
    const page = renderHtml(reportOf(free, old))
    expect(page).toContain('<th scope="row">broker a</th><td>mosquitto version 2.0.11 · MQTT 3.1, 3.1.1, 5 · QoS up to 2')
    expect(page).toContain('<th scope="row">broker b</th><td>aedes 1.2.0 · MQTT 3.1, 3.1.1</td>')
  })
})

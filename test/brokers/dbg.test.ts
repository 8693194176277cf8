import { test } from 'vitest'
import { run } from './helper.ts'
import { startMosquitto } from './mosquitto.ts'
test('x', async () => {
  const broker = await startMosquitto({ listeners: ['plain'], config: 'log_type all\nlog_timestamp_format %H:%M:%S' })
  await run({ name: 'x', settle: '100ms', groups: { late: { version: '5', cleanSession: false, sessionExpiry: '1m', will: { topic: 'will/x', payload: { text: 'gone' }, delay: '1s', qos: 1 }, churn: { connected: '200ms', away: '3500ms', leave: 'reset' } } }, phases: { warmUp: 0, measure: '3500ms', drain: '1s' } }, [broker.url('plain')])
  console.log(broker.log())
  await broker.stop()
}, 10000)

import { test } from 'vitest'
import { counter, run, witness } from './helper.ts'
import { startMosquitto } from './mosquitto.ts'
test('x', async () => {
  const broker = await startMosquitto({ listeners: ['plain'] })
  console.log(await counter(broker.url('plain'), 'publish/messages/received'))
  const w = await witness(broker.url('plain'), 'a/#')
  console.log('w')
  console.log((await run({ name: 'x', settle: '100ms', groups: { a: { publish: [{ topic: 'a/b', every: '500ms' }] } }, phases: { warmUp: 0, measure: '1s', drain: '1s' } }, [broker.url('plain')])).exitCode)
  await w.stop()
  await broker.stop()
}, 10000)

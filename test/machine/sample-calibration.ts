import { CALIBRATION_SCHEMA, type Calibration } from '../../src/machine/calibration.ts'

const MACHINE = { cpu: 'EPYC', cores: 8, kernel: '6.12', node: '20', tool: '0.1.0' }

/** A calibration, measured by one worker. */
export function sampleCalibration(machine: Calibration['machine'] = MACHINE): Calibration {
  const measured = <T>(value: T) => ({ value, workers: 1, processes: 1, at: '2026-11-29T12:00:00.000Z' })
  return {
    schema: CALIBRATION_SCHEMA,
    machine,
    connectsPerSec: measured(20_000),
    publishesPerSec: { 0: measured(200_000), 1: measured(100_000), 2: measured(50_000) },
    receivesPerSec: measured(150_000),
    bytesPerIdleClient: measured(1700),
    bytesPerProcess: measured(30e6),
    timerLatenessUs: measured({ p50: 300, p99: 900 }),
  }
}

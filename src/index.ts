/**
 * What other programs can use: scenarios as plans, and the types of a plan and a report.
 */
export { MqttScaleError, type Problem, ScenarioError } from './errors.ts'
export type { Plan } from './load/plan.ts'
export { type LoadOptions, loadScenario, NO_OPTIONS } from './load/scenario.ts'
export { REPORT_SCHEMA, type Report } from './report/types.ts'

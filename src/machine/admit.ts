/**
 * Lets a run start on this machine, or refuses it before its first packet. The one place that looks at the machine for a run.
 */
import { ScenarioError } from '../errors.ts'
import type { Plan } from '../load/plan.ts'
import { routedHere } from './bind.ts'
import { calibrationMachine, calibrationPath, readCalibration } from './calibration.ts'
import { type Ceilings, ceilingsOf, rateWarnings } from './ceiling.ts'
import { machineFacts } from './facts.ts'
import { type Judgement, judge, type Question } from './judge.ts'
import { fittingScale, refusalOf, shareThatFits } from './refusal.ts'
import { shortagesOf } from './words.ts'

export interface AdmitOptions extends Pick<Question, 'destinations' | 'transport' | 'fileBytes' | 'wanted' | 'slice'> {
  /** The same at another scale, to find one that fits; null: it can't be had. */
  readonly planAt: ((scale: number) => Plan) | null
}

export interface Admission extends Judgement {
  /** What may spoil the run, though it goes on. */
  readonly warnings: readonly string[]
  /** null: this machine was not calibrated. */
  readonly ceilings: Ceilings | null
}

/**
 * @param plan  with its nodes, the embedded one too
 * @throws EnvironmentError  the machine is too small, or lacks a source address
 */
export async function admit(plan: Plan, { planAt, ...asked }: AdmitOptions): Promise<Admission> {
  const facts = machineFacts()
  const given = plan.groups.map((group) => group.sourceAddresses)
  const question = { ...asked, facts, routed: await routedHere(given, facts.addresses) }
  const judged = judge(plan, question)
  if (!isEnough(judged)) {
    const fits = (scale: number) => isEnoughAt(() => judge(planAt!(scale), question))
    throw refusalOf(judged, planAt && fittingScale(plan.scale, shareThatFits(judged), fits))
  }
  const { calibration } = readCalibration(calibrationPath(), calibrationMachine(facts))
  const ceilings = ceilingsOf(plan, judged.planned, calibration)
  const short = [...shortagesOf(judged.table), ...rateWarnings(judged.planned, ceilings)]
  return { ...judged, ceilings, warnings: short.map(({ words, hint }) => `${words}: ${hint}`) }
}

function isEnough({ table }: Judgement): boolean {
  return table.rows.every(({ state }) => state !== 'short')
}

/** Some scenarios can't be as small as a machine wants them: a group without clients is an error of theirs. */
function isEnoughAt(judged: () => Judgement): boolean {
  try {
    return isEnough(judged())
  } catch (error) {
    if (error instanceof ScenarioError) return false
    throw error
  }
}

/**
 * What a run has lost of itself, in words for its report: members that ended, parts of members, and members that ended all their connections.
 */
import type { ReportFolder } from '../report/folder.ts'
import { formatDuration, US_PER_S } from '../units.ts'
import type { Team } from './member.ts'
import type { Telling } from './messages.ts'
import type { Recorder } from './recorder.ts'

export class Losses {
  readonly words: string[] = []
  private readonly lost = new Set<number>()
  private readonly fenced = new Set<number>()
  private readonly team: Team
  private readonly folder: ReportFolder
  private readonly recorder: Recorder
  private readonly clock: () => number

  constructor(team: Team, folder: ReportFolder, recorder: Recorder, clock: () => number) {
    this.team = team
    this.folder = folder
    this.recorder = recorder
    this.clock = clock
  }

  /** Members that are there, but whose clients are not. */
  get fencedCount(): number {
    return this.fenced.size
  }

  lose(member: number, error: Error | null): void {
    const { name } = this.team.recruits[member]!
    const sinceUs = this.recorder.toldUpTo(member)
    const why = error ? `: ${error.message}` : ''
    this.words.push(`${name} ended early${why}; its clients are missing from ${formatDuration(sinceUs)} after the start on`)
    this.folder.event(this.clock() / US_PER_S, 'memberLost', { member: name, error: error?.stack ?? null })
    this.recorder.machines.lost(member, sinceUs)
    this.lost.add(member)
    this.fenced.delete(member)
  }

  hear(member: number, telling: Extract<Telling, { type: 'fenced' | 'partLost' }>): void {
    if (telling.type === 'fenced') this.fence(member, telling.atUs)
    else this.losePart(member, telling)
  }

  private fence(member: number, atUs: number): void {
    // Of one that was lost before it is no news.
    if (this.lost.has(member)) return
    const { name } = this.team.recruits[member]!
    const since = formatDuration(atUs)
    this.words.push(`${name} had no sign of the control server for too long, and ended all its connections ${since} after the start`)
    this.folder.event(atUs / US_PER_S, 'memberFenced', { member: name })
    this.recorder.machines.lost(member, atUs)
    this.fenced.add(member)
  }

  private losePart(member: number, { name, error }: Extract<Telling, { type: 'partLost' }>): void {
    const whole = this.team.recruits[member]!.name
    this.words.push(`${whole}: ${name} is lost${error === null ? '' : `: ${error}`}`)
    this.folder.event(this.clock() / US_PER_S, 'memberLost', { member: whole, part: name, error })
  }
}

/**
 * Where a client is between its first connect and its end; `client.ts` has the ways from one to the next.
 */
export const STATE = {
  idle: 0,
  waiting: 1,
  opening: 2,
  greeting: 3,
  subscribing: 4,
  ready: 5,
  away: 6,
  failed: 7,
  cleaning: 8,
  gone: 9,
} as const
export type State = (typeof STATE)[keyof typeof STATE]

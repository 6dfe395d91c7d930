/**
 * The worlds of a simulation: people alone, with a release that is as bad as a thief, with lone
 * thieves, and one for each campaign.
 */
import { PERSONA_KINDS } from './people.ts';
import { PLANS, THIEF_KINDS, type ThiefKind } from './plans.ts';
import type { World } from './seed-worker.ts';

export const SCENARIOS = ['people', 'mistakes', 'loners', 'campaigns'] as const;
/** A release that fetches the whole catalogue is a campaign by our own hand, and raises the alert for everybody. */
const PEOPLE = PERSONA_KINDS.filter((kind) => kind !== 'bug-prefetch');
export type Scenario = (typeof SCENARIOS)[number];

export interface WorldsOptions {
  readonly scenarios: readonly Scenario[];
  readonly seeds: readonly number[];
  /** Good users of each world. */
  readonly users: number;
  readonly days: number;
  /** Of each kind of lone thieves. */
  readonly thieves: number;
  /** All where absent. */
  readonly kinds?: readonly ThiefKind[];
}

export function worldsOf({
  scenarios,
  seeds,
  users,
  days,
  thieves,
  kinds = THIEF_KINDS,
}: WorldsOptions): readonly World[] {
  const size = { goodUsers: users, days, people: PEOPLE };
  const loners = kinds.filter((kind) => PLANS[kind].conduct !== 'campaign');
  const campaigns = kinds.filter((kind) => PLANS[kind].conduct === 'campaign');
  return seeds.flatMap((seed) => [
    ...(scenarios.includes('people') ? [{ name: 'people', size, seed }] : []),
    ...(scenarios.includes('mistakes')
      ? [{ name: 'mistakes', size: { goodUsers: users, days }, seed }]
      : []),
    ...(scenarios.includes('loners')
      ? [{ name: 'loners', size: { ...size, thieves: { kinds: loners, ofEach: thieves } }, seed }]
      : []),
    // A campaign to itself: the alert that one raises would bound the next, too.
    ...(scenarios.includes('campaigns')
      ? campaigns.map((kind) => ({
          name: kind,
          size: { ...size, thieves: { kinds: [kind], ofEach: 1 } },
          seed,
        }))
      : []),
  ]);
}

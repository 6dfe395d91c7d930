/** The worlds of a simulation: people alone, people and lone thieves, and one for each campaign. */
import { PLANS, THIEF_KINDS } from './plans.ts';
import type { World } from './seed-worker.ts';

export const SCENARIOS = ['people', 'loners', 'campaigns'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface WorldsOptions {
  readonly scenarios: readonly Scenario[];
  readonly seeds: readonly number[];
  /** Good users of each world. */
  readonly users: number;
  readonly days: number;
  /** Of each kind of lone thieves. */
  readonly thieves: number;
}

export function worldsOf({ scenarios, seeds, users, days, thieves }: WorldsOptions): readonly World[] {
  const size = { goodUsers: users, days };
  const loners = THIEF_KINDS.filter((kind) => PLANS[kind].conduct !== 'campaign');
  const campaigns = THIEF_KINDS.filter((kind) => PLANS[kind].conduct === 'campaign');
  return seeds.flatMap((seed) => [
    ...(scenarios.includes('people') ? [{ name: 'people', size, seed }] : []),
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

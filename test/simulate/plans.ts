/** Ways to get at the models: each an identity graph, a pace and a manner. */
import { CAMPAIGNS, type Campaign } from './campaigns.ts';
import { LONE_PLANS } from './lone-plans.ts';
import type { Thief } from './thief.ts';
import type { Life } from './world.ts';

/**
 * How it must end: `loud` before 10 models and `slow` with no more than 40, whoever stops it; a
 * `barren` one gets at most three models whatever it does; a `campaign` has as many identities as it
 * likes and must not get the catalogue within a month.
 */
export type Conduct = 'loud' | 'slow' | 'barren' | 'campaign';

export interface Plan {
  readonly conduct: Conduct;
  readonly description: string;
  lives(thief: Thief): readonly Life[];
}

const PLANS_BY_KIND = { ...LONE_PLANS, ...CAMPAIGNS } satisfies Record<string, Plan>;

export type ThiefKind = keyof typeof PLANS_BY_KIND;
export type { Campaign };
export const PLANS: Readonly<Record<ThiefKind, Plan>> = PLANS_BY_KIND;
export const THIEF_KINDS = Object.keys(PLANS) as readonly ThiefKind[];

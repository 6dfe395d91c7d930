/** Ways to get at the models: each an identity graph, a pace and a manner. */
import { CAMPAIGNS } from './campaigns.ts';
import { LONE_PLANS } from './lone-plans.ts';
import type { Plan } from './plan.ts';
import { UNTUNED_PLANS } from './untuned-plans.ts';

const PLANS_BY_KIND = { ...LONE_PLANS, ...CAMPAIGNS, ...UNTUNED_PLANS } satisfies Record<
  string,
  Plan
>;

export type ThiefKind = keyof typeof PLANS_BY_KIND;
export const PLANS: Readonly<Record<ThiefKind, Plan>> = PLANS_BY_KIND;
export const THIEF_KINDS = Object.keys(PLANS) as readonly ThiefKind[];

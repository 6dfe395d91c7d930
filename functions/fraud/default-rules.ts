/**
 * The rules in force. The threat is accumulation, so the distinct models that one subject collects
 * weigh most; everything else makes that come sooner. Weights were chosen on simulated populations,
 * not on real ones: tune them on your own events with `replay-rules` before you rely on them.
 */
import { ACCUMULATION_RULES } from './accumulation-rules.ts';
import { CONDUCT_RULES } from './conduct-rules.ts';
import type { RuleSet } from './rules.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

export const DEFAULT_RULES: RuleSet = {
  version: '2026-11-24',
  rules: [...ACCUMULATION_RULES, ...CONDUCT_RULES],
  clientCap: 60,
  thresholds: {
    watch: { points: 30, holdSeconds: DAY },
    throttle: { points: 55, holdSeconds: HOUR },
    stepUp: { points: 70, holdSeconds: DAY },
    block: { points: 100, holdSeconds: [6 * HOUR, 7 * DAY, 30 * DAY] },
  },
  horizonSeconds: 35 * DAY,
  memory: { occurrencesPerHour: 12, membersPerDay: 48, neighboursPerMonth: 384 },
};

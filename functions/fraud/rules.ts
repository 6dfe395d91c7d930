/** The form of the scoring rules: data, so that they can be read, argued about and replayed over history. */
import { z } from 'zod';
import { EVENT_TYPES, type EventType } from './catalogue.ts';
import type { EvidenceBounds } from './evidence.ts';

const seconds = z.number().int().positive();
const points = z.number().positive().max(1000);
const subjects = z.array(z.enum(['user', 'device', 'network'])).min(1);

/** Which events: of one of these types and, where causes are given, with one of them. */
const selector = z.strictObject({
  types: z.array(z.enum(Object.keys(EVENT_TYPES) as [EventType, ...EventType[]])).min(1),
  causes: z.array(z.string()).min(1).optional(),
});

const common = {
  id: z.string().regex(/^[a-z0-9-]{1,48}$/),
  /** Why this counts, for the operator who has to judge it. */
  words: z.string().max(200),
  subjects,
  /** The most points that this rule gives at any time. */
  cap: points,
};

/** Each event gives `weight` points, which decay to half in `halfLifeSeconds`. */
const occurrenceRule = z.strictObject({
  kind: z.literal('occurrence'),
  ...common,
  on: selector,
  weight: points,
  halfLifeSeconds: seconds,
});

/** Each different member seen in the window beyond the `free` first ones gives `weight` points. */
const distinctRule = z.strictObject({
  kind: z.literal('distinct'),
  ...common,
  on: selector,
  member: z.enum(['model', 'device', 'user', 'network']),
  windowSeconds: seconds,
  free: z.number().int().nonnegative(),
  weight: points,
});

const threshold = z.strictObject({ points, holdSeconds: seconds });

export const ruleSetSchema = z.strictObject({
  version: z.string().max(32),
  rules: z.array(z.discriminatedUnion('kind', [occurrenceRule, distinctRule])).max(64),
  /** The most points from what clients report: they can lie, and a lie must not block anybody. */
  clientCap: points,
  thresholds: z.strictObject({
    watch: threshold,
    throttle: threshold,
    stepUp: threshold,
    /** How long the first, second, … block lasts; the last one repeats. */
    block: z.strictObject({ points, holdSeconds: z.tuple([seconds], seconds) }),
  }),
  horizonSeconds: seconds,
  /** Of each hour this many occurrences of a kind are remembered, of each day this many members. */
  memory: z.strictObject({
    occurrencesPerHour: z.number().int().min(1).max(64),
    membersPerDay: z.number().int().min(1).max(256),
  }),
});

export type RuleSet = z.infer<typeof ruleSetSchema>;
export type Rule = RuleSet['rules'][number];
export type OccurrenceRule = z.infer<typeof occurrenceRule>;
export type DistinctRule = z.infer<typeof distinctRule>;

/** True of a rule on what apps report about themselves. */
export const isClientRule = (rule: Rule): boolean =>
  rule.on.types.every((type) => EVENT_TYPES[type].source === 'client');

/**
 * The trail that a rule reads. Named by what is recorded and not by the rule, so that rules with
 * the same selection share it and a change of weights keeps what is known.
 */
export function trailOf(rule: Rule): string {
  const causes = rule.on.causes ? `(${[...rule.on.causes].sort().join(',')})` : '';
  const events = [...rule.on.types].sort().join('+') + causes;
  return rule.kind === 'distinct' ? `${events}#${rule.member}` : events;
}

/** Hours with occurrences of one kind, the newest, that are remembered. */
const OCCURRENCE_HOURS = 24;
const DAY_SECONDS = 86_400;

/** What a rule set remembers of each subject: members for as long as the longest window on them. */
export function boundsOf(ruleSet: RuleSet): EvidenceBounds {
  const { occurrencesPerHour, membersPerDay } = ruleSet.memory;
  const members = new Map<string, number>();
  for (const rule of ruleSet.rules) {
    if (rule.kind !== 'distinct') continue;
    const days = Math.ceil(rule.windowSeconds / DAY_SECONDS) + 1;
    members.set(trailOf(rule), Math.max(days, members.get(trailOf(rule)) ?? 0));
  }
  return {
    horizonMs: ruleSet.horizonSeconds * 1000,
    of(trail) {
      const days = members.get(trail);
      return days === undefined
        ? { buckets: OCCURRENCE_HOURS, perBucket: occurrencesPerHour }
        : { buckets: days, perBucket: membersPerDay };
    },
  };
}

/** The form of the scoring rules: data, so that they can be read, argued about and replayed over history. */
import { z } from 'zod';
import { EVENT_TYPES, type EventType } from '../protocol/event-schema.ts';
import { DAY_SECONDS } from '../time.ts';

const seconds = z.number().int().positive();
/** No longer than what is remembered. */
const windowSeconds = seconds.max(30 * DAY_SECONDS);
const count = z.number().int().nonnegative();
const points = z.number().positive().max(1000);
const subjectKind = z.enum(['user', 'device', 'network']);
/** `item`: a model, or an older version of it that was asked for by name. */
const member = z.enum(['model', 'item', 'device', 'user', 'network']);
const words = z.array(z.string().max(64)).min(1);

/** Which events: of one of these types and, where given, with one of the causes, one of the reasons and all of the attributes. */
const selector = z.strictObject({
  types: z.array(z.enum(Object.keys(EVENT_TYPES) as [EventType, ...EventType[]])).min(1),
  causes: words.optional(),
  /** The attribute `reason` of a refusal. */
  reasons: words.optional(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** Attributes that are numbers, and the least that each must be. */
  atLeast: z.record(z.string(), z.number()).optional(),
});
export type Selector = z.infer<typeof selector>;

const common = {
  id: z.string().regex(/^[a-z0-9-]{1,48}$/),
  /** Why this counts, for the operator who has to judge it. */
  description: z.string().max(200),
  /** About whom evidence of this kind is held and scored. */
  subjects: z.array(subjectKind).min(1),
  /**
   * How much of the caller must have been proven before an event is evidence. What a token alone can
   * cause (`user`) counts as unproven: a stolen token must not get its owner restricted.
   */
  authentication: z.enum(['user', 'device']),
  /** Has innocent causes too: it makes other things weigh more, and restricts nobody. */
  hint: z.boolean().optional(),
  /** Leads to a watch and to this, and to nothing else. */
  ceiling: z.literal('stepUp').optional(),
  /** The most points that this rule gives at any time. */
  cap: points,
};

/**
 * Each event gives `weight` points, which decay to half in `halfLifeSeconds`, less those of
 * `allowance` events: what an honest app does before it has heard better.
 */
const occurrenceRule = z.strictObject({
  kind: z.literal('occurrence'),
  ...common,
  on: selector,
  weight: points,
  halfLifeSeconds: seconds,
  allowance: count.optional(),
});

/** Each different member seen in the window beyond the `allowance` gives `weight` points. */
const distinctRule = z.strictObject({
  kind: z.literal('distinct'),
  ...common,
  on: selector,
  member,
  windowSeconds,
  allowance: count,
  weight: points,
});

/**
 * Each member seen in the window, longer ago than the grace time and with no event of `answers`
 * about it, gives `weight` points beyond the `allowance`.
 */
const unansweredRule = z.strictObject({
  kind: z.literal('unanswered'),
  ...common,
  on: selector,
  answers: selector,
  member,
  windowSeconds,
  graceSeconds: seconds,
  allowance: count,
  weight: points,
});

const threshold = z.strictObject({ points, holdSeconds: seconds });

export const ruleSetSchema = z
  .strictObject({
    version: z.string().max(32),
    rules: z
      .array(z.discriminatedUnion('kind', [occurrenceRule, distinctRule, unansweredRule]))
      .max(64),
    /**
     * The most points from hints: what has innocent causes, and what nobody proved, as reports of
     * apps, their silence, and what a token can do without a device. Apps can lie, reports get lost,
     * tokens are stolen.
     */
    hintCap: points,
    thresholds: z.strictObject({
      watch: threshold,
      throttle: threshold,
      stepUp: threshold,
      block: z.strictObject({
        points,
        /** How long the first, second, … block lasts; the last one repeats. */
        holdSeconds: z.tuple([seconds], seconds),
        /** From the decision until it takes effect: the time that the breaker has to see a mistake of ours. */
        delaySeconds: count,
      }),
    }),
    horizonSeconds: seconds,
    /** Of each hour this many occurrences of a kind are remembered, of each day this many members. */
    memory: z.strictObject({
      occurrencesPerHour: z.number().int().min(1).max(64),
      membersPerDay: z.number().int().min(1).max(256),
    }),
  })
  .refine(
    ({ thresholds, horizonSeconds }) =>
      thresholds.block.holdSeconds.every((hold) => hold <= horizonSeconds),
    { path: ['horizonSeconds'], error: 'what led to a block must be remembered until its end' },
  )
  .refine(({ thresholds, hintCap }) => hintCap < thresholds.throttle.points, {
    path: ['hintCap'],
    error: 'hints alone must restrict nobody',
  });

export type RuleSet = z.infer<typeof ruleSetSchema>;
export type Rule = RuleSet['rules'][number];
export type OccurrenceRule = z.infer<typeof occurrenceRule>;
export type DistinctRule = z.infer<typeof distinctRule>;
export type UnansweredRule = z.infer<typeof unansweredRule>;

const fromClients = ({ types }: Selector): boolean =>
  types.every((type) => EVENT_TYPES[type].source === 'client');

/** True of a rule that is said to be a hint, or whose evidence anybody can make or suppress without a device proof. */
export const isHint = (rule: Rule): boolean =>
  rule.hint === true ||
  rule.authentication !== 'device' ||
  fromClients(rule.on) ||
  (rule.kind === 'unanswered' && fromClients(rule.answers));

/** The form of the scoring rules: data, so that they can be read, argued about and replayed over history. */
import { z } from 'zod';
import { EVENT_TYPES, type EventType } from '../protocol/event-schema.ts';

const seconds = z.number().int().positive();
/** No longer than what is remembered. */
const windowSeconds = seconds.max(30 * 86_400);
const count = z.number().int().nonnegative();
const points = z.number().positive().max(1000);
const subjectKind = z.enum(['user', 'device', 'network']);
const member = z.enum(['model', 'device', 'user', 'network']);

/** Which events: of one of these types and, where causes are given, with one of them. */
const selector = z.strictObject({
  types: z.array(z.enum(Object.keys(EVENT_TYPES) as [EventType, ...EventType[]])).min(1),
  causes: z.array(z.string()).min(1).optional(),
});
export type Selector = z.infer<typeof selector>;

const common = {
  id: z.string().regex(/^[a-z0-9-]{1,48}$/),
  /** Why this counts, for the operator who has to scorer it. */
  description: z.string().max(200),
  /** About whom evidence of this kind is held and scored. */
  subjects: z.array(subjectKind).min(1),
  /** The most points that this rule gives at any time. */
  cap: points,
};

/**
 * Each event gives `weight` points, which decay to half in `halfLifeSeconds`, of which those of `allowance`
 * events are allowance: what an honest app does before it has heard better. `provenCap` holds
 * instead of `cap` once a device of the subject has proven itself: what a stolen token alone can
 * do to its owner.
 */
const occurrenceRule = z.strictObject({
  kind: z.literal('occurrence'),
  ...common,
  on: selector,
  weight: points,
  halfLifeSeconds: seconds,
  allowance: count.optional(),
  provenCap: points.optional(),
});

/**
 * Each different member seen in the window beyond the `allowance` first ones gives `weight` points; where
 * only the new count, those that had been seen before the window do not: a new phone fetches again
 * what its user had already.
 */
const distinctRule = z.strictObject({
  kind: z.literal('distinct'),
  ...common,
  on: selector,
  member,
  newOnly: z.boolean(),
  windowSeconds,
  allowance: count,
  weight: points,
});

/**
 * Each model in the window beyond the `allowance` first ones that came to a device by others than its
 * main user, the one with most models, gives `weight` points.
 */
const sharedRule = z.strictObject({
  kind: z.literal('shared'),
  ...common,
  subjects: z.tuple([z.literal('device')]),
  windowSeconds,
  allowance: count,
  weight: points,
});

/**
 * Each model that is new since the end of the latest block, if that lies within the window, gives
 * `weight` points beyond the `allowance` first ones.
 */
const probationRule = z.strictObject({
  kind: z.literal('probation'),
  ...common,
  on: selector,
  windowSeconds,
  allowance: count,
  weight: points,
});

/** Each version of one model in the window beyond the `perModel` first ones gives `weight` points. */
const versionsRule = z.strictObject({
  kind: z.literal('versions'),
  ...common,
  on: selector,
  windowSeconds,
  perModel: count,
  allowance: count,
  weight: points,
});

/**
 * Each member seen in the window, longer ago than the grace time and with no event of `answers`
 * about it, gives `weight` points beyond the `allowance` first ones.
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

/**
 * Users behind one network who divide a catalogue among them: models newly taken in the window that
 * only one of them has, at least `exclusive` in all and `exclusiveShare` of everything taken there, by at least
 * `collectors` users with `perCollector` or more each, on `collectorDays` different days or more (the
 * first hour with an app is one of curiosity), none with more than half. Of those models at most
 * `mostReturned` may have been used again on another day: people return to what they like. More
 * than `mostUsers` in a month are a crowd, in which such figures say nothing. `newcomersOnly`
 * leaves out whoever was seen there before the window.
 */
const ringRule = z.strictObject({
  kind: z.literal('ring'),
  ...common,
  subjects: z.tuple([z.literal('network')]),
  windowSeconds,
  exclusive: count,
  exclusiveShare: z.number().min(0).max(1),
  collectors: count,
  mostUsers: count,
  mostReturned: z.number().min(0).max(1),
  newcomersOnly: z.boolean(),
  perCollector: count,
  collectorDays: count,
  weight: points,
});

/** `weight` points, decaying, for being linked to a blocked user or device, or to a ring in a network. */
const linkedRule = z.strictObject({
  kind: z.literal('linked'),
  ...common,
  subjects: z.tuple([z.enum(['user', 'device'])]),
  from: subjectKind,
  weight: points,
  halfLifeSeconds: seconds,
});

const threshold = z.strictObject({ points, holdSeconds: seconds });

export const ruleSetSchema = z
  .strictObject({
    version: z.string().max(32),
    rules: z
      .array(
        z.discriminatedUnion('kind', [
          occurrenceRule,
          distinctRule,
          sharedRule,
          probationRule,
          versionsRule,
          unansweredRule,
          ringRule,
          linkedRule,
        ]),
      )
      .max(64),
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
      /** Who took which model in a network; in a crowd a sample of it. */
      neighboursPerMonth: z.number().int().min(1).max(1024),
    }),
  })
  .refine(
    ({ thresholds, horizonSeconds }) =>
      thresholds.block.holdSeconds.every((hold) => hold <= horizonSeconds),
    { path: ['horizonSeconds'], error: 'what led to a block must be remembered until its end' },
  );

export type RuleSet = z.infer<typeof ruleSetSchema>;
export type Rule = RuleSet['rules'][number];
export type OccurrenceRule = z.infer<typeof occurrenceRule>;
export type DistinctRule = z.infer<typeof distinctRule>;
export type SharedRule = z.infer<typeof sharedRule>;
export type ProbationRule = z.infer<typeof probationRule>;
export type VersionsRule = z.infer<typeof versionsRule>;
export type UnansweredRule = z.infer<typeof unansweredRule>;
export type RingRule = z.infer<typeof ringRule>;

/** True of a rule on what apps report about themselves. Silence is not a report: see `unanswered`. */
export const isClientRule = (rule: Rule): boolean =>
  'on' in rule && rule.on.types.every((type) => EVENT_TYPES[type].source === 'client');

/**
 * Other rules over what the database remembers of subjects: whom they would restrict, and whom no more.
 * It is the live judgement (fraud/scoring.ts) with other numbers. A rule over events that no rule
 * remembers yet is tried over the events themselves: `modelseal replay-rules`.
 */
import { z } from 'zod';
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { heldBackBy, riskOf } from '../fraud/risk.ts';
import { type RuleSet, ruleSetSchema } from '../fraud/rules.ts';
import { assess, type Restriction } from '../fraud/scoring.ts';
import { SHADOW_RULES } from '../fraud/shadow-rules.ts';
import { subjectFrom } from '../fraud/subjects.ts';
import { DAY_MS } from '../time.ts';
import { newestActs } from './audit.ts';
import { verdictOf } from './cases.ts';

/** Those with the highest scores: whom no change makes conspicuous is far down. Bounds the work of one request, too. */
const MAX_SUBJECTS = 500;
/** Named in an answer, of each kind. */
const MAX_NAMED = 50;
const MAX_ACTS = 1_000;
const LOOK_BACK_MS = 30 * DAY_MS;
const RESTRICTIONS = ['throttle', 'stepUp', 'block'] as const satisfies readonly Restriction[];

const points = z.number().positive().max(1_000);

/** What is to be otherwise than in the rules in force; a rule under trial that is named counts as if it were one of them. */
export const ruleTrial = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        id: z.string().max(48),
        isOff: z.boolean().optional(),
        weight: points.optional(),
        cap: points.optional(),
      }),
    )
    .max(64),
  thresholds: z.strictObject({
    throttle: points.optional(),
    stepUp: points.optional(),
    block: points.optional(),
  }),
});
export type RuleTrial = z.infer<typeof ruleTrial>;

/** The rules with the changes. Throws request_invalid for a rule that there is not, and for what are no sound rules. */
export function changedRules(live: RuleSet, { rules, thresholds }: RuleTrial): RuleSet {
  const changes = new Map(rules.map((change) => [change.id, change]));
  const named = SHADOW_RULES.filter(({ id }) => changes.has(id));
  const known = [...live.rules, ...named];
  const unknown = rules.findIndex(({ id }) => known.every((rule) => rule.id !== id));
  if (unknown >= 0) throw invalid(`/rules/${unknown}/id`, 'unknown');
  const changed = {
    ...live,
    version: `${live.version} changed`.slice(0, 32),
    rules: known.flatMap((rule) => {
      const { isOff = false, weight = rule.weight, cap = rule.cap } = changes.get(rule.id) ?? {};
      return isOff ? [] : [{ ...rule, weight, cap }];
    }),
    thresholds: {
      ...live.thresholds,
      ...Object.fromEntries(
        RESTRICTIONS.map((action) => {
          const { points } = live.thresholds[action];
          return [action, { ...live.thresholds[action], points: thresholds[action] ?? points }];
        }),
      ),
    },
  };
  const parsed = ruleSetSchema.safeParse(changed);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`/${issue?.path.join('/') ?? ''}`, 'no_sound_rules');
  }
  return parsed.data;
}

const invalid = (pointer: string, detail: string) =>
  new ServiceError('request_invalid', { violations: [{ pointer, detail }] });

/** Subjects on one side of the difference, and what people have found about them. */
export interface Side {
  readonly subjects: number;
  readonly thieves: number;
  readonly good: number;
  /** Keys, so many at most. */
  readonly named: readonly string[];
}

/** What a restriction would be, by the rules in force and by the changed ones. */
export interface TrialRow {
  readonly action: Restriction;
  readonly onlyNow: Side;
  readonly both: Side;
  readonly onlyThen: Side;
}

/** The difference that the changes make, over the subjects with the highest scores. */
export async function tryRules(
  { documents }: { readonly documents: Pick<DocumentStore, 'query'> },
  trial: RuleTrial,
  live: RuleSet,
  now: Date,
): Promise<{
  readonly looked: number;
  readonly isComplete: boolean;
  readonly rows: readonly TrialRow[];
}> {
  const changed = changedRules(live, trial);
  const [found, acts] = await Promise.all([
    documents.query({
      collection: 'risk',
      where: [['score', '>', 0]],
      orderBy: ['score', 'desc'],
      limit: MAX_SUBJECTS,
    }),
    newestActs({ documents }, new Date(now.getTime() - LOOK_BACK_MS), MAX_ACTS),
  ]);
  const verdicts = new Map(acts.values.toReversed().map((act) => [act.subject, verdictOf(act)]));
  const { values: judged, unreadable } = readEach(found, ({ path, data }) => {
    const key = path.slice('risk/'.length);
    return {
      key,
      inForce: restrictionsBy(live, key, data),
      changed: restrictionsBy(changed, key, data),
    };
  });
  const sideOf = (keys: readonly string[]): Side => ({
    subjects: keys.length,
    thieves: keys.filter((key) => verdicts.get(key) === 'thief').length,
    good: keys.filter((key) => verdicts.get(key) === 'good').length,
    named: keys.slice(0, MAX_NAMED),
  });
  const rows = RESTRICTIONS.map((action): TrialRow => {
    const side = (isNow: boolean, isThen: boolean) =>
      sideOf(
        judged
          .filter((each) => each.inForce.has(action) === isNow)
          .filter((each) => each.changed.has(action) === isThen)
          .map(({ key }) => key),
      );
    return {
      action,
      onlyNow: side(true, false),
      both: side(true, true),
      onlyThen: side(false, true),
    };
  });
  const isComplete = found.length < MAX_SUBJECTS && unreadable.length === 0;
  return { looked: judged.length, isComplete, rows };
}

/** What the rules would have been for at any time within what is remembered. */
function restrictionsBy(rules: RuleSet, key: string, data: DocumentData): ReadonlySet<Restriction> {
  const { evidence, resetAt, occasions } = riskOf(data);
  const { kind } = subjectFrom(key);
  const assessed = assess(rules, kind, evidence.series, resetAt, heldBackBy(occasions));
  return new Set(assessed.occasions.map(({ action }) => action));
}

/** What follows from an assessment: restrictions for the grant path, and a decision for people. */
import { z } from 'zod';
import type { Restrictions } from './blocklist.ts';
import type { RuleSet } from './rules.ts';
import type { Action, Assessment, Interval } from './scoring.ts';
import { type Subject, subjectKey } from './subjects.ts';

/** A decision as it is published and kept for analysts, with its reasons in words. */
export const decisionSchema = z.strictObject({
  schema: z.literal(1),
  /** The same for the same decision, however often it is published. */
  decisionId: z.string(),
  kind: z.enum(['user', 'device', 'network']),
  id: z.string(),
  measure: z.enum(['watch', 'throttle', 'stepUp', 'block']),
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  score: z.number(),
  escalation: z.number().int(),
  causes: z.array(
    z.strictObject({
      rule: z.string(),
      words: z.string(),
      points: z.number(),
      evidence: z.array(z.string()),
    }),
  ),
  rules: z.string(),
  /** Made by rules under trial: nothing follows from it. */
  shadow: z.boolean(),
  decidedAt: z.iso.datetime(),
});
export type Decision = Readonly<z.infer<typeof decisionSchema>>;

/** The restrictions that the rules impose, past ones too. */
export function restrictionsFrom(assessment: Assessment): Restrictions {
  const { throttle, stepUp, block } = assessment.intervals;
  return {
    ...(block && {
      block: {
        until: new Date(block.until),
        reason: block.causes[0]?.rule ?? 'rules',
        rules: block.causes.map(({ rule }) => rule),
        escalation: assessment.escalation,
        createdAt: new Date(block.since),
        by: 'rules',
      },
    }),
    ...(throttle && { throttledUntil: new Date(throttle.until) }),
    ...(stepUp && { stepUp: { since: new Date(stepUp.since), until: new Date(stepUp.until) } }),
  };
}

/** What an operator imposed or allowed outlives what the rules find later. */
export function keepingOverrides(existing: Restrictions, imposed: Restrictions): Restrictions {
  const { block, allowedUntil } = existing;
  const keeps =
    block && block.by !== 'rules' && block.until > (imposed.block?.until ?? new Date(0));
  return {
    ...imposed,
    ...(keeps && { block }),
    ...(allowedUntil && { allowedUntil }),
  };
}

export function decisionOf(begun: {
  readonly subject: Subject;
  readonly action: Action;
  readonly interval: Interval;
  readonly escalation: number;
  readonly ruleSet: RuleSet;
  readonly shadow: boolean;
  readonly now: Date;
}): Decision {
  const { subject, action, interval, escalation, ruleSet, shadow, now } = begun;
  const descriptions = new Map(ruleSet.rules.map((rule) => [rule.id, rule.description]));
  return {
    schema: 1,
    decisionId: [subjectKey(subject), action, interval.since, ...(shadow ? ['shadow'] : [])].join(
      ':',
    ),
    kind: subject.kind,
    id: subject.id,
    measure: action,
    since: new Date(interval.since).toISOString(),
    until: new Date(interval.until).toISOString(),
    score: interval.score,
    escalation,
    causes: interval.causes.map(({ rule, points, evidence }) => ({
      rule,
      words: descriptions.get(rule) ?? '',
      points,
      evidence: [...evidence],
    })),
    rules: ruleSet.version,
    shadow,
    decidedAt: now.toISOString(),
  };
}

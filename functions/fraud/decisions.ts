/** What follows from an assessment: restrictions for the grant path, and a decision for people. */
import { z } from 'zod';
import type { Restrictions } from './blocklist.ts';
import { type Announced, heldBackKey, type Risk, type Spans } from './risk.ts';
import type { RuleSet } from './rules.ts';
import {
  ACTIONS,
  type Action,
  type Assessment,
  type Interval,
  type IsHeldBack,
  type Occasion,
} from './scoring.ts';
import { type Subject, subjectKey } from './subjects.ts';

/** A decision as it is published and kept for analysts, with its reasons in words. */
export const decisionSchema = z.strictObject({
  schema: z.literal(1),
  /** The same for the same decision, however often it is published, and also where an older event moves it. */
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
  /** A restriction that the breaker made a watch; absent where it did not. */
  heldBack: z.boolean().optional(),
  /** The version of the app that the event which led to it came from; absent where it is unknown. */
  appVersion: z.string().optional(),
  decidedAt: z.iso.datetime(),
});
export type Decision = Readonly<z.infer<typeof decisionSchema>>;

/**
 * The restrictions that the rules impose, past ones too. A block takes effect `delayMs` after it was
 * decided.
 */
export function restrictionsFrom(assessment: Assessment, delayMs: number): Restrictions {
  const { throttle, stepUp, block } = assessment.intervals;
  return {
    ...(block && {
      block: {
        until: new Date(block.until),
        reason: block.causes[0]?.rule ?? 'rules',
        rules: block.causes.map(({ rule }) => rule),
        escalation: assessment.escalation,
        createdAt: new Date(block.since + delayMs),
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

/**
 * The ids of an assessment's decisions. An interval that touches the one known before is the same
 * decision, which a late event has moved, and keeps its id.
 */
export function announcedBy(
  subject: Subject,
  { intervals }: Assessment,
  known: { readonly spans: Spans; readonly announced: Announced },
  suffix = '',
): Announced {
  const ids: { [A in Action]?: string } = {};
  for (const action of ACTIONS) {
    const interval = intervals[action];
    if (!interval) continue;
    const span = known.spans[action];
    const same = span && interval.since <= span.until && interval.until >= span.since;
    ids[action] =
      (same && known.announced[action]) ||
      `${subjectKey(subject)}:${action}:${interval.since}${suffix}`;
  }
  return ids;
}

/**
 * The ids of what is held back. An occasion that an older event has moved to an earlier instant is
 * the same decision, and keeps its id.
 */
export function heldBackIds(
  subject: Subject,
  { occasions }: Assessment,
  isHeldBack: IsHeldBack,
  known: Risk['heldBackAs'],
): Risk['heldBackAs'] {
  const ids: Record<string, string> = {};
  for (const { action, since, until } of occasions) {
    if (!isHeldBack(action, since)) continue;
    const moved = Object.keys(known).find((key) => {
      const [knownAction, at] = key.split(':');
      return knownAction === action && Number(at) >= since && Number(at) <= until;
    });
    const key = heldBackKey(action, since);
    ids[key] = known[moved ?? key] ?? `${subjectKey(subject)}:heldBack:${key}`;
  }
  return ids;
}

/** What becomes of a decision beside its interval. */
interface Circumstances {
  readonly subject: Subject;
  readonly ruleSet: RuleSet;
  readonly shadow: boolean;
  readonly appVersion: string | null;
  readonly now: Date;
}

/** The decisions that begin, or have moved, with the evidence that came in at `at`. */
export function decisionsOf(
  { intervals, escalation }: Assessment,
  ids: Announced,
  before: Spans,
  at: number | undefined,
  circumstances: Circumstances,
): readonly Decision[] {
  return ACTIONS.flatMap((action) => {
    const interval = intervals[action];
    const isNew = interval && (interval.since !== before[action]?.since || interval.since === at);
    return isNew
      ? [decisionOf(action, interval, ids[action] ?? '', escalation, circumstances)]
      : [];
  });
}

/** A restriction that the breaker held back, as the watch that it became. */
export function heldBackDecision(
  occasion: Occasion,
  ids: Risk['heldBackAs'],
  { subject, ...rest }: Circumstances,
): Decision {
  const id = ids[heldBackKey(occasion.action, occasion.since)] ?? '';
  const appVersion = occasion.appVersion || rest.appVersion;
  const decision = decisionOf('watch', occasion, id, 0, { subject, ...rest, appVersion });
  return { ...decision, heldBack: true };
}

function decisionOf(
  action: Action,
  interval: Interval,
  decisionId: string,
  escalation: number,
  { subject, ruleSet, shadow, appVersion, now }: Circumstances,
): Decision {
  const descriptions = new Map(ruleSet.rules.map((rule) => [rule.id, rule.description]));
  return {
    schema: 1,
    decisionId,
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
    ...(appVersion !== null && { appVersion }),
    decidedAt: now.toISOString(),
  };
}

/**
 * From evidence to a judgement: a pure function of what happened, not of when or how often we were
 * told. The whole history in memory is replayed along its own time line, so a late event changes
 * the judgement exactly as if it had come in time.
 */
import { createEvaluators, type Evaluator, type History } from './evaluators.ts';
import { nameOf } from './evidence.ts';
import { VERSIONS_SERIES } from './recorder.ts';
import { isHint, type Rule, type RuleSet } from './rules.ts';
import type { SubjectKind } from './subjects.ts';

export const ACTIONS = ['watch', 'throttle', 'stepUp', 'block'] as const;
export type Action = (typeof ACTIONS)[number];

/** An action from an instant to another, both in Unix milliseconds, and what led to it. */
export interface Interval {
  readonly since: number;
  readonly until: number;
  readonly score: number;
  readonly causes: readonly Cause[];
}

/** What one rule gave, and the names of the occurrences it gave it for. */
export interface Cause {
  readonly rule: string;
  readonly points: number;
  readonly evidence: readonly string[];
}

/** What may be held back. */
export type Restriction = Exclude<Action, 'watch'>;

/** A time at which the rules are for a restriction, whether it follows or is held back. */
export interface Occasion extends Interval {
  readonly action: Restriction;
  /** The version of the app that led to it; empty where it is unknown. */
  readonly appVersion: string;
}

/** The latest interval of each action there ever was, within what is remembered. */
export interface Assessment {
  /** Points at the newest evidence. */
  readonly score: number;
  /** How many blocks there were. */
  readonly escalation: number;
  readonly intervals: Readonly<Partial<Record<Action, Interval>>>;
  /** Follow from what is remembered alone, and not from what is held back; in order. */
  readonly occasions: readonly Occasion[];
}

/** Whether nothing follows from the occasion for this that begins at the instant. */
export type IsHeldBack = (action: Restriction, since: number) => boolean;

/**
 * A block of a network holds for newcomers only, whose devices were enrolled after it began: else
 * everybody behind a shared address would suffer.
 */
const ACTIONS_OF: Readonly<Record<SubjectKind, readonly Action[]>> = {
  user: ACTIONS,
  device: ACTIONS,
  network: ['watch', 'throttle', 'block'],
};

/** Whoever cannot help a hint, as software for accessibility cannot, may browse nearly as much as others. */
const HINTED_SHARE = 0.5;

/**
 * Judges a subject of this kind, leaving out what lies at or before `resetAt`. Nothing follows from
 * the occasions that are held back, and no block is the longer for them.
 */
export function assess(
  ruleSet: RuleSet,
  kind: SubjectKind,
  history: History,
  resetAt: number,
  isHeldBack: IsHeldBack = () => false,
): Assessment {
  const evaluatorOf = createEvaluators(history, resetAt, ruleSet.memory);
  const evaluators = ruleSet.rules
    .filter(({ subjects }) => (subjects as readonly SubjectKind[]).includes(kind))
    .map((rule) => ({
      rule,
      hint: isHint(rule),
      evaluator: evaluatorOf(rule),
    }))
    .filter(({ evaluator }) => evaluator.instants.length > 0);
  const intervals: Partial<Record<Action, Interval>> = {};
  const occasions: { -readonly [K in keyof Occasion]: Occasion[K] }[] = [];
  let escalation = 0;
  let score = 0;
  for (const at of timelineOf(evaluators)) {
    const points = pointsAt(ruleSet, evaluators, at);
    score = points.watch;
    for (const action of ACTIONS_OF[kind]) {
      const threshold = ruleSet.thresholds[action];
      if (points[action] < threshold.points) continue;
      const interval = () => ({ since: at, score, causes: causesOf(evaluators, at) });
      const current = intervals[action];
      const running = current !== undefined && at <= current.until;
      if (action === 'watch') {
        const until = at + ruleSet.thresholds.watch.holdSeconds * 1000;
        intervals.watch = running ? { ...current, until } : { ...interval(), until };
        continue;
      }
      const until = at + holdSeconds(ruleSet, action, 1) * 1000;
      const last = occasions.findLast((one) => one.action === action);
      if (last && at <= last.until) {
        // What a blocked subject still tries neither prolongs its block nor makes the next longer.
        if (action === 'block') continue;
        last.until = until;
        if (running) intervals[action] = { ...current, until };
        continue;
      }
      const begun = interval();
      occasions.push({ action, ...begun, until, appVersion: versionAt(history, at) });
      if (running || isHeldBack(action, at)) continue;
      if (action === 'block') escalation += 1;
      intervals[action] = {
        ...begun,
        until: at + holdSeconds(ruleSet, action, escalation) * 1000,
      };
    }
  }
  return { score, escalation, intervals, occasions };
}

interface RunningEvaluator {
  readonly rule: Rule;
  readonly hint: boolean;
  readonly evaluator: Evaluator;
}

function holdSeconds(ruleSet: RuleSet, action: Restriction, escalation: number): number {
  if (action !== 'block') return ruleSet.thresholds[action].holdSeconds;
  const { holdSeconds: hold, delaySeconds } = ruleSet.thresholds.block;
  return delaySeconds + (hold[Math.min(escalation, hold.length) - 1] ?? hold[0]);
}

/** The version that was the latest to be seen first on its day. */
function versionAt(history: History, at: number): string {
  let latest: readonly [key: string, at: number] | undefined;
  for (const [key, seen] of Object.entries(history[VERSIONS_SERIES] ?? {})) {
    const isLater = !latest || seen > latest[1] || (seen === latest[1] && key > latest[0]);
    if (seen <= at && isLater) latest = [key, seen];
  }
  return latest ? nameOf(latest[0]) : '';
}

function timelineOf(evaluators: readonly RunningEvaluator[]): readonly number[] {
  const instants = new Set<number>();
  for (const { evaluator } of evaluators) for (const at of evaluator.instants) instants.add(at);
  return [...instants].sort((a, b) => a - b);
}

/** What counts for each action; what rules with a ceiling give counts for no more than that. */
function pointsAt(
  ruleSet: RuleSet,
  evaluators: readonly RunningEvaluator[],
  at: number,
): Readonly<Record<Action, number>> {
  let conduct = 0;
  let hints = 0;
  let bounded = 0;
  for (const { evaluator, hint, rule } of evaluators) {
    const points = evaluator.pointsAt(at);
    if (hint) hints += points;
    else if (rule.ceiling) bounded += points;
    else conduct += points;
  }
  const hinted = Math.min(hints, ruleSet.hintCap);
  const weighed = (points: number) => points + Math.min(hinted, HINTED_SHARE * points);
  const restricting = weighed(conduct);
  return {
    watch: conduct + bounded + hinted,
    stepUp: weighed(conduct + bounded),
    throttle: restricting,
    block: restricting,
  };
}

function causesOf(evaluators: readonly RunningEvaluator[], at: number): readonly Cause[] {
  return evaluators
    .map(({ rule, evaluator }) => ({
      rule: rule.id,
      points: evaluator.pointsAt(at),
      evidence: evaluator.evidence(),
    }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points);
}

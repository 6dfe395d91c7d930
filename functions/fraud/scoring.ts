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

/** A time at which the rules are for a block, whether one follows or is held back. */
export interface Occasion extends Interval {
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
  /** Of what is remembered alone: in order, and apart by the time of a first block. */
  readonly occasions: readonly Occasion[];
}

/**
 * A block of a network holds for newcomers only, whose devices were enrolled after it began: else
 * everybody behind a shared address would suffer.
 */
const ACTIONS_OF: Readonly<Record<SubjectKind, readonly Action[]>> = {
  user: ACTIONS,
  device: ACTIONS,
  network: ['watch', 'throttle', 'block'],
};

/** What the points of a rule with a ceiling can lead to. */
const BOUNDED: ReadonlySet<Action> = new Set(['watch', 'stepUp']);

/**
 * Judges a subject of this kind, leaving out what lies at or before `resetAt`. No block follows from
 * the occasions that begin at an instant of `heldBack`, and none is the longer for them.
 */
export function assess(
  ruleSet: RuleSet,
  kind: SubjectKind,
  history: History,
  resetAt: number,
  heldBack: ReadonlySet<number> = new Set(),
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
  const occasions: Occasion[] = [];
  let escalation = 0;
  let score = 0;
  for (const at of timelineOf(evaluators)) {
    const points = pointsAt(ruleSet, evaluators, at);
    score = points.all;
    for (const action of ACTIONS_OF[kind]) {
      const threshold = ruleSet.thresholds[action];
      const counted = BOUNDED.has(action) ? score : points.conductAndHints;
      if (counted < threshold.points) continue;
      const current = intervals[action];
      const running = current !== undefined && at <= current.until;
      if (action === 'block') {
        if (at <= (occasions.at(-1)?.until ?? Number.NEGATIVE_INFINITY)) continue;
        const causes = causesOf(evaluators, at);
        const until = at + holdSeconds(ruleSet, action, 1) * 1000;
        occasions.push({ since: at, until, score, causes, appVersion: versionAt(history, at) });
        // What a blocked subject still tries neither prolongs its block nor makes the next longer.
        if (running || heldBack.has(at)) continue;
        escalation += 1;
      }
      const hold = holdSeconds(ruleSet, action, escalation) * 1000;
      intervals[action] = running
        ? { ...current, until: at + hold }
        : { since: at, until: at + hold, score, causes: causesOf(evaluators, at) };
    }
  }
  return { score, escalation, intervals, occasions };
}

interface RunningEvaluator {
  readonly rule: Rule;
  readonly hint: boolean;
  readonly evaluator: Evaluator;
}

function holdSeconds(ruleSet: RuleSet, action: Action, escalation: number): number {
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

function pointsAt(ruleSet: RuleSet, evaluators: readonly RunningEvaluator[], at: number) {
  let conduct = 0;
  let hints = 0;
  let bounded = 0;
  for (const { evaluator, hint, rule } of evaluators) {
    const points = evaluator.pointsAt(at);
    if (hint) hints += points;
    else if (rule.ceiling) bounded += points;
    else conduct += points;
  }
  const conductAndHints = conduct + Math.min(hints, ruleSet.hintCap);
  return { all: conductAndHints + bounded, conductAndHints };
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

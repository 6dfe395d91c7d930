/** How many points one rule gives at an instant, asked along a time line that only moves forward. */
import type { Series } from './evidence.ts';
import { seriesOf } from './recorder.ts';
import type { DistinctRule, OccurrenceRule, Rule, RuleSet, UnansweredRule } from './rules.ts';
import { fullDays, inOrder, instantsOf, type Occurrence, slidingWindow } from './series.ts';
import { DAY_MS } from './time.ts';

/** How many occurrences an explanation names. */
const EVIDENCE_SHOWN = 12;

export interface Evaluator {
  /** When something happened that can raise the points. */
  readonly instants: readonly number[];
  /** Points at `at`, which must not lie before that of the call before. */
  pointsAt(at: number): number;
  /** What counts at the instant last asked about. */
  evidence(): readonly string[];
}

/** All series of one subject, by their names. */
export type History = Readonly<Record<string, Series>>;

/** Makes the evaluators of one subject, over what happened after `after`, of which so much is remembered. */
export function createEvaluators(
  history: History,
  after: number,
  { membersPerDay }: Pick<RuleSet['memory'], 'membersPerDay'>,
): (rule: Rule) => Evaluator {
  const sorted = new Map<string, readonly Occurrence[]>();
  const read = (name: string): readonly Occurrence[] => {
    const known = sorted.get(name) ?? inOrder(history[name] ?? {}, after);
    sorted.set(name, known);
    return known;
  };
  return (rule) => {
    switch (rule.kind) {
      case 'occurrence':
        return decayingEvaluator(rule, read(seriesOf(rule.on, 'event')));
      case 'distinct':
        return distinctEvaluator(rule, read(seriesOf(rule.on, rule.member)));
      case 'unanswered': {
        const answers = seriesOf(rule.answers, rule.member);
        // Of a day with more answers than are remembered nobody knows what was left unanswered.
        const full = fullDays(history[answers] ?? {}, membersPerDay);
        const asks = read(seriesOf(rule.on, rule.member)).filter(({ at }) => !full(at));
        return unansweredEvaluator(rule, asks, read(answers));
      }
    }
  };
}

/** A sum that halves every half-life and, less the allowance, never exceeds the cap. */
function decayingEvaluator(
  { weight, halfLifeSeconds, cap, allowance = 0 }: OccurrenceRule,
  occurrences: readonly Occurrence[],
): Evaluator {
  const halfLifeMs = halfLifeSeconds * 1000;
  const allowed = allowance * weight;
  let next = 0;
  let sum = 0;
  let sumTime = 0;
  const decayTo = (at: number) => {
    sum *= 2 ** ((sumTime - at) / halfLifeMs);
    sumTime = at;
  };
  return {
    instants: instantsOf(occurrences),
    pointsAt(at) {
      for (let due = occurrences[next]; due && due.at <= at; due = occurrences[next]) {
        decayTo(due.at);
        sum = Math.min(allowed + cap, sum + weight);
        next += 1;
      }
      if (sum > 0) decayTo(at);
      return Math.max(0, sum - allowed);
    },
    evidence: () =>
      occurrences.slice(Math.max(0, next - EVIDENCE_SHOWN), next).map(({ name }) => name),
  };
}

function distinctEvaluator(rule: DistinctRule, occurrences: readonly Occurrence[]): Evaluator {
  const windowAt = slidingWindow(occurrences, rule.windowSeconds * 1000);
  let inside: ReadonlyMap<string, number> = new Map();
  return {
    instants: instantsOf(occurrences),
    pointsAt(at) {
      inside = windowAt(at);
      return pointsFor(inside.size, rule);
    },
    evidence: () => [...inside.keys()].slice(-EVIDENCE_SHOWN),
  };
}

/** The evaluator of a rule that has nothing to count. */
const SILENT: Evaluator = { instants: [], pointsAt: () => 0, evidence: () => [] };

function unansweredEvaluator(
  rule: UnansweredRule,
  asks: readonly Occurrence[],
  answers: readonly Occurrence[],
): Evaluator {
  if (asks.length <= rule.allowance) return SILENT;
  const windowMs = rule.windowSeconds * 1000;
  const graceMs = rule.graceSeconds * 1000;
  const open = new Set<string>();
  let asked: ReadonlyMap<string, number> = new Map();
  let answered: ReadonlyMap<string, number> = new Map();
  const changed = (name: string) => {
    open.delete(name);
    if (asked.has(name) && !answered.has(name)) open.add(name);
  };
  const askedAt = slidingWindow(asks, windowMs, { lagMs: graceMs, changed });
  // Answers count from before the window on: they may be to an ask at its very beginning, and of
  // the answers of a day only the first is remembered, which may have come before that ask.
  const answeredAt = slidingWindow(answers, windowMs + graceMs + DAY_MS, { changed });
  asked = askedAt(Number.NEGATIVE_INFINITY);
  answered = answeredAt(Number.NEGATIVE_INFINITY);
  return {
    // Nothing happens at the end of a grace time; the next ask brings it to light.
    instants: instantsOf(asks),
    pointsAt(at) {
      askedAt(at);
      answeredAt(at);
      return asked.size > rule.allowance ? pointsFor(open.size, rule) : 0;
    },
    evidence: () => [...asked.keys()].filter((name) => open.has(name)).slice(-EVIDENCE_SHOWN),
  };
}

const pointsFor = (
  count: number,
  rule: { readonly allowance: number; readonly weight: number; readonly cap: number },
) => Math.min(rule.cap, Math.max(0, count - rule.allowance) * rule.weight);

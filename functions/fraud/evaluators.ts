/** How many points one rule gives at an instant, asked along a time line that only moves forward. */
import { DAY_MS } from '../time.ts';
import { nameOf, type Series } from './evidence.ts';
import {
  linkSeries,
  modelOf,
  NEIGHBOURS_SERIES,
  PAIRS_SERIES,
  PROOF_SERIES,
  pairOf,
  seriesOf,
} from './recorder.ts';
import { ringTimeline } from './ring.ts';
import type {
  DistinctRule,
  OccurrenceRule,
  ProbationRule,
  Rule,
  RuleSet,
  SharedRule,
  UnansweredRule,
  VersionsRule,
} from './rules.ts';
import {
  byTime,
  firstOfEach,
  fullDays,
  inOrder,
  instantsOf,
  type Occurrence,
  slidingWindow,
} from './series.ts';
import type { SubjectKind } from './subjects.ts';

/** How many occurrences an explanation names. */
const EVIDENCE_SHOWN = 12;

export interface Evaluator {
  /** When something happened that can raise the points. */
  readonly instants: readonly number[];
  /** Points at `at`, which must not lie before that of the call before. */
  pointsAt(at: number): number;
  /** What counts at the instant last asked about. */
  evidence(): readonly string[];
  /** Hears when the block that has just begun will end. */
  blockedUntil?(end: number): void;
}

/** What an evaluator reads: the series of a subject, and the instants at which others were linked to it. */
export interface History {
  readonly series: Readonly<Record<string, Series>>;
  readonly links: Readonly<Record<string, readonly number[]>>;
}

/** Makes the evaluators of one subject, over what happened after `after`, of which so much is remembered. */
export function createEvaluators(
  { series, links }: History,
  after: number,
  { membersPerDay }: Pick<RuleSet['memory'], 'membersPerDay'>,
): (rule: Rule) => Evaluator {
  const sorted = new Map<string, readonly Occurrence[]>();
  const read = (seriesName: string): readonly Occurrence[] => {
    const known = sorted.get(seriesName) ?? inOrder(series[seriesName] ?? {}, after);
    sorted.set(seriesName, known);
    return known;
  };
  const firstProof = ({ provenCap }: OccurrenceRule) =>
    provenCap === undefined
      ? Number.POSITIVE_INFINITY
      : Math.min(
          ...PROOF_SERIES.map((seriesName) => read(seriesName)[0]?.at ?? Number.POSITIVE_INFINITY),
        );
  return (rule) => {
    switch (rule.kind) {
      case 'occurrence':
        return decayingEvaluator(rule, read(seriesOf(rule.on, 'event')), firstProof(rule));
      case 'distinct':
        return distinctEvaluator(rule, read(seriesOf(rule.on, rule.member)));
      case 'probation':
        return probationEvaluator(rule, read(seriesOf(rule.on, 'model')));
      case 'versions':
        return versionsEvaluator(rule, read(seriesOf(rule.on, 'version')));
      case 'shared':
        return sharedEvaluator(rule, read(PAIRS_SERIES));
      case 'unanswered': {
        const answers = seriesOf(rule.answers, rule.member);
        // Of a day with more answers than are remembered nobody knows what was left unanswered.
        const full = fullDays(series[answers] ?? {}, membersPerDay);
        const asks = read(seriesOf(rule.on, rule.member)).filter(({ at }) => !full(at));
        return unansweredEvaluator(rule, asks, read(answers));
      }
      case 'ring':
        return ringEvaluator(rule.cap, ringTimeline(rule, read(NEIGHBOURS_SERIES)));
      case 'linked':
        return decayingEvaluator(rule, linksOf(links, rule.from, after));
    }
  };
}

const linksOf = (links: History['links'], from: SubjectKind, after: number) =>
  Object.entries(links)
    .filter(([source]) => source.startsWith(`${from}_`))
    .flatMap(([name, instants]) => instants.map((at) => ({ name, at })))
    .filter(({ at }) => at > after)
    .sort(byTime);

/** The users or devices that got models together with the subject whose series these are. */
export function linkedMembers(
  series: History['series'],
  to: 'user' | 'device',
): ReadonlySet<string> {
  return new Set(Object.keys(series[linkSeries(to)] ?? {}).map(nameOf));
}

/** A sum that halves every half-life and, less what is allowance, never exceeds the cap. */
function decayingEvaluator(
  rule: Pick<OccurrenceRule, 'weight' | 'halfLifeSeconds' | 'cap' | 'allowance' | 'provenCap'>,
  occurrences: readonly Occurrence[],
  provenAt = Number.POSITIVE_INFINITY,
): Evaluator {
  const halfLifeMs = rule.halfLifeSeconds * 1000;
  const allowedPoints = (rule.allowance ?? 0) * rule.weight;
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
        sum = Math.min(allowedPoints + rule.cap, sum + rule.weight);
        next += 1;
      }
      if (sum > 0) decayTo(at);
      const points = Math.max(0, sum - allowedPoints);
      return at >= provenAt ? Math.min(points, rule.provenCap ?? points) : points;
    },
    evidence: () =>
      occurrences.slice(Math.max(0, next - EVIDENCE_SHOWN), next).map(({ name }) => name),
  };
}

function distinctEvaluator(rule: DistinctRule, occurrences: readonly Occurrence[]): Evaluator {
  const counted = rule.newOnly ? firstOfEach(occurrences) : occurrences;
  const windowAt = slidingWindow(counted, rule.windowSeconds * 1000);
  let inside: ReadonlyMap<string, number> = new Map();
  return {
    instants: instantsOf(counted),
    pointsAt(at) {
      inside = windowAt(at);
      return pointsFor(inside.size, rule);
    },
    evidence: () => [...inside.keys()].slice(-EVIDENCE_SHOWN),
  };
}

function probationEvaluator(rule: ProbationRule, occurrences: readonly Occurrence[]): Evaluator {
  const fresh = firstOfEach(occurrences);
  const ends: number[] = [];
  let inside: readonly Occurrence[] = [];
  return {
    instants: instantsOf(fresh),
    pointsAt(at) {
      const since = ends.findLast((end) => end < at && end > at - rule.windowSeconds * 1000) ?? at;
      inside = since === at ? [] : fresh.filter((one) => one.at > since && one.at <= at);
      return pointsFor(inside.length, rule);
    },
    evidence: () => inside.slice(-EVIDENCE_SHOWN).map(({ name }) => name),
    blockedUntil: (end) => void ends.push(end),
  };
}

function versionsEvaluator(rule: VersionsRule, occurrences: readonly Occurrence[]): Evaluator {
  if (occurrences.length <= rule.perModel) return SILENT;
  const versionsOf = Map.groupBy(new Set(occurrences.map(({ name }) => name)), modelOf);
  // Of most models there is one version: they never count, and the time line is asked about often.
  const counted = occurrences.filter(
    ({ name }) => (versionsOf.get(modelOf(name))?.length ?? 0) > rule.perModel,
  );
  const windowAt = slidingWindow(counted, rule.windowSeconds * 1000);
  let surplus: readonly string[] = [];
  return {
    instants: instantsOf(counted),
    pointsAt(at) {
      const byModel = Map.groupBy(windowAt(at).keys(), modelOf);
      surplus = [...byModel.values()].flatMap((versions) => versions.slice(rule.perModel));
      return pointsFor(surplus.length, rule);
    },
    evidence: () => surplus.slice(-EVIDENCE_SHOWN),
  };
}

function sharedEvaluator(rule: SharedRule, pairs: readonly Occurrence[]): Evaluator {
  const users = new Set(pairs.map(({ name }) => pairOf(name).user));
  if (users.size < 2) return SILENT;
  const windowAt = slidingWindow(pairs, rule.windowSeconds * 1000);
  let others: readonly string[] = [];
  return {
    instants: instantsOf(pairs),
    pointsAt(at) {
      const inside = [...windowAt(at).keys()].map(pairOf);
      const byUser = Map.groupBy(inside, ({ user }) => user);
      const [main = []] = [...byUser.values()].sort((a, b) => b.length - a.length);
      const its = new Set(main.map(({ model }) => model));
      others = [...new Set(inside.map(({ model }) => model))].filter((model) => !its.has(model));
      return pointsFor(others.length, rule);
    },
    evidence: () => others.slice(-EVIDENCE_SHOWN),
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

function ringEvaluator(cap: number, steps: ReturnType<typeof ringTimeline>): Evaluator {
  if (!steps.some(({ points }) => points > 0)) return SILENT;
  let next = 0;
  let step: (typeof steps)[number] | undefined;
  return {
    instants: steps.map(({ at }) => at),
    pointsAt(at) {
      for (let due = steps[next]; due && due.at <= at; due = steps[next]) {
        step = due;
        next += 1;
      }
      return Math.min(cap, step?.points ?? 0);
    },
    evidence: () => step?.users ?? [],
  };
}

const pointsFor = (
  count: number,
  rule: { readonly allowance: number; readonly weight: number; readonly cap: number },
) => Math.min(rule.cap, Math.max(0, count - rule.allowance) * rule.weight);

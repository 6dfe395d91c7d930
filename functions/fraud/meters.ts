/** How many points one rule gives at an instant, asked along a time line that only moves forward. */
import { nameOf, type Trail } from './evidence.ts';
import {
  byTime,
  DAY_MS,
  firstOfEach,
  fullDays,
  inOrder,
  instantsOf,
  type Occurrence,
  slidingWindow,
} from './occurrences.ts';
import {
  linkTrail,
  modelOf,
  NEIGHBOURS_TRAIL,
  PAIRS_TRAIL,
  PROOF_TRAILS,
  pairOf,
  trailOf,
} from './recordings.ts';
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
import type { SubjectKind } from './subjects.ts';

/** How many occurrences an explanation names. */
const EVIDENCE_SHOWN = 12;

export interface Meter {
  /** When something happened that can raise the points. */
  readonly instants: readonly number[];
  /** Points at `at`, which must not lie before that of the call before. */
  pointsAt(at: number): number;
  /** What counts at the instant last asked about. */
  evidence(): readonly string[];
  /** Hears when the block that has just begun will end. */
  blockedUntil?(end: number): void;
}

/** What a meter reads: the trails of a subject, and the instants at which others were linked to it. */
export interface Readings {
  readonly trails: Readonly<Record<string, Trail>>;
  readonly links: Readonly<Record<string, readonly number[]>>;
}

/** Makes the meters of one subject, over what happened after `after`, of which so much is remembered. */
export function createMeters(
  { trails, links }: Readings,
  after: number,
  { membersPerDay }: Pick<RuleSet['memory'], 'membersPerDay'>,
): (rule: Rule) => Meter {
  const sorted = new Map<string, readonly Occurrence[]>();
  const read = (trail: string): readonly Occurrence[] => {
    const known = sorted.get(trail) ?? inOrder(trails[trail] ?? {}, after);
    sorted.set(trail, known);
    return known;
  };
  const firstProof = ({ provenCap }: OccurrenceRule) =>
    provenCap === undefined
      ? Number.POSITIVE_INFINITY
      : Math.min(...PROOF_TRAILS.map((trail) => read(trail)[0]?.at ?? Number.POSITIVE_INFINITY));
  return (rule) => {
    switch (rule.kind) {
      case 'occurrence':
        return decayingMeter(rule, read(trailOf(rule.on, 'event')), firstProof(rule));
      case 'distinct':
        return distinctMeter(rule, read(trailOf(rule.on, rule.member)));
      case 'probation':
        return probationMeter(rule, read(trailOf(rule.on, 'model')));
      case 'versions':
        return versionsMeter(rule, read(trailOf(rule.on, 'version')));
      case 'shared':
        return sharedMeter(rule, read(PAIRS_TRAIL));
      case 'unanswered': {
        const answers = trailOf(rule.answers, rule.member);
        // Of a day with more answers than are remembered nobody knows what was left unanswered.
        const full = fullDays(trails[answers] ?? {}, membersPerDay);
        const asks = read(trailOf(rule.on, rule.member)).filter(({ at }) => !full(at));
        return unansweredMeter(rule, asks, read(answers));
      }
      case 'ring':
        return ringMeter(rule.cap, ringTimeline(rule, read(NEIGHBOURS_TRAIL)));
      case 'linked':
        return decayingMeter(rule, linksOf(links, rule.from, after));
    }
  };
}

const linksOf = (links: Readings['links'], from: SubjectKind, after: number) =>
  Object.entries(links)
    .filter(([source]) => source.startsWith(`${from}_`))
    .flatMap(([name, instants]) => instants.map((at) => ({ name, at })))
    .filter(({ at }) => at > after)
    .sort(byTime);

/** The users or devices that got models together with the subject whose trails these are. */
export function linkedMembers(
  trails: Readings['trails'],
  to: 'user' | 'device',
): ReadonlySet<string> {
  return new Set(Object.keys(trails[linkTrail(to)] ?? {}).map(nameOf));
}

/** A sum that halves every half-life and, less what is free, never exceeds the cap. */
function decayingMeter(
  rule: Pick<OccurrenceRule, 'weight' | 'halfLifeSeconds' | 'cap' | 'free' | 'provenCap'>,
  occurrences: readonly Occurrence[],
  provenAt = Number.POSITIVE_INFINITY,
): Meter {
  const halfLifeMs = rule.halfLifeSeconds * 1000;
  const borne = (rule.free ?? 0) * rule.weight;
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
        sum = Math.min(borne + rule.cap, sum + rule.weight);
        next += 1;
      }
      if (sum > 0) decayTo(at);
      const points = Math.max(0, sum - borne);
      return at >= provenAt ? Math.min(points, rule.provenCap ?? points) : points;
    },
    evidence: () =>
      occurrences.slice(Math.max(0, next - EVIDENCE_SHOWN), next).map(({ name }) => name),
  };
}

function distinctMeter(rule: DistinctRule, occurrences: readonly Occurrence[]): Meter {
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

function probationMeter(rule: ProbationRule, occurrences: readonly Occurrence[]): Meter {
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

function versionsMeter(rule: VersionsRule, occurrences: readonly Occurrence[]): Meter {
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

function sharedMeter(rule: SharedRule, pairs: readonly Occurrence[]): Meter {
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

/** The meter of a rule that has nothing to count. */
const SILENT: Meter = { instants: [], pointsAt: () => 0, evidence: () => [] };

function unansweredMeter(
  rule: UnansweredRule,
  asks: readonly Occurrence[],
  answers: readonly Occurrence[],
): Meter {
  if (asks.length <= rule.free) return SILENT;
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
      return asked.size > rule.free ? pointsFor(open.size, rule) : 0;
    },
    evidence: () => [...asked.keys()].filter((name) => open.has(name)).slice(-EVIDENCE_SHOWN),
  };
}

function ringMeter(cap: number, steps: ReturnType<typeof ringTimeline>): Meter {
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
  rule: { readonly free: number; readonly weight: number; readonly cap: number },
) => Math.min(rule.cap, Math.max(0, count - rule.free) * rule.weight);

/** How many points one rule gives at an instant, asked along a time line that only moves forward. */
import { nameOf, type Trail } from './evidence.ts';
import { linkTrail, PAIRS_TRAIL, trailOf } from './recordings.ts';
import { ringTimeline } from './ring.ts';
import type { DistinctRule, Rule, UnansweredRule } from './rules.ts';

/** How many occurrences an explanation names. */
const EVIDENCE_SHOWN = 12;

export interface Meter {
  /** When something happened that can raise the points. */
  readonly instants: readonly number[];
  /** Points at `at`, which must not lie before that of the call before. */
  pointsAt(at: number): number;
  /** What counts at the instant last asked about. */
  evidence(): readonly string[];
}

/** What a meter reads: the trails of a subject, and the instants at which others were linked to it. */
export interface Readings {
  readonly trails: Readonly<Record<string, Trail>>;
  readonly links: Readonly<Record<string, readonly number[]>>;
}

interface Occurrence {
  readonly name: string;
  readonly at: number;
}

/** The meter of a rule, over what happened after `after`. */
export function meterOf(rule: Rule, { trails, links }: Readings, after: number): Meter {
  const read = (trail: string): readonly Occurrence[] => inOrder(trails[trail] ?? {}, after);
  switch (rule.kind) {
    case 'occurrence':
      return decayingMeter(rule, read(trailOf(rule.on, 'event')));
    case 'distinct':
      return distinctMeter(rule, read(trailOf(rule.on, rule.member)));
    case 'unanswered':
      return unansweredMeter(
        rule,
        read(trailOf(rule.on, rule.member)),
        read(trailOf(rule.answers, rule.member)),
      );
    case 'ring':
      return ringMeter(rule.cap, ringTimeline(rule, read(PAIRS_TRAIL)));
    case 'linked':
      return decayingMeter(
        rule,
        Object.entries(links)
          .filter(([source]) => source.startsWith(`${rule.from}_`))
          .flatMap(([name, instants]) => instants.map((at) => ({ name, at })))
          .filter(({ at }) => at > after)
          .sort(byTime),
      );
  }
}

/** The users or devices that got models together with the subject whose trails these are. */
export function linkedMembers(
  trails: Readings['trails'],
  to: 'user' | 'device',
): ReadonlySet<string> {
  return new Set(Object.keys(trails[linkTrail(to)] ?? {}).map(nameOf));
}

export function inOrder(trail: Trail, after: number): readonly Occurrence[] {
  return Object.entries(trail)
    .filter(([, at]) => at > after)
    .map(([key, at]) => ({ name: nameOf(key), at }))
    .sort(byTime);
}

const byTime = (a: Occurrence, b: Occurrence) => a.at - b.at || (a.name < b.name ? -1 : 1);
const instantsOf = (occurrences: readonly Occurrence[]) => occurrences.map(({ at }) => at);

/** A sum that halves every half-life and never exceeds the cap. */
function decayingMeter(
  rule: { readonly weight: number; readonly halfLifeSeconds: number; readonly cap: number },
  occurrences: readonly Occurrence[],
): Meter {
  const halfLifeMs = rule.halfLifeSeconds * 1000;
  let next = 0;
  let points = 0;
  let pointsTime = 0;
  const decayTo = (at: number) => {
    points *= 2 ** ((pointsTime - at) / halfLifeMs);
    pointsTime = at;
  };
  return {
    instants: instantsOf(occurrences),
    pointsAt(at) {
      for (let due = occurrences[next]; due && due.at <= at; due = occurrences[next]) {
        decayTo(due.at);
        points = Math.min(rule.cap, points + rule.weight);
        next += 1;
      }
      if (points > 0) decayTo(at);
      return points;
    },
    evidence: () =>
      occurrences.slice(Math.max(0, next - EVIDENCE_SHOWN), next).map(({ name }) => name),
  };
}

/** The occurrences that entered a window behind `lagMs` and left it, as a count of each name. */
function slidingWindow(occurrences: readonly Occurrence[], windowMs: number, lagMs = 0) {
  const inside = new Map<string, number>();
  let head = 0;
  let tail = 0;
  return (at: number): ReadonlyMap<string, number> => {
    for (let due = occurrences[head]; due && due.at <= at - lagMs; due = occurrences[head]) {
      inside.set(due.name, (inside.get(due.name) ?? 0) + 1);
      head += 1;
    }
    for (
      let old = occurrences[tail];
      old && old.at <= at - windowMs && tail < head;
      old = occurrences[tail]
    ) {
      const left = (inside.get(old.name) ?? 1) - 1;
      if (left > 0) inside.set(old.name, left);
      else inside.delete(old.name);
      tail += 1;
    }
    return inside;
  };
}

function distinctMeter(rule: DistinctRule, occurrences: readonly Occurrence[]): Meter {
  const windowAt = slidingWindow(occurrences, rule.windowSeconds * 1000);
  let members: readonly string[] = [];
  return {
    instants: instantsOf(occurrences),
    pointsAt(at) {
      members = [...windowAt(at).keys()];
      return pointsFor(members.length, rule);
    },
    evidence: () => members.slice(-EVIDENCE_SHOWN),
  };
}

function unansweredMeter(
  rule: UnansweredRule,
  asks: readonly Occurrence[],
  answers: readonly Occurrence[],
): Meter {
  const windowMs = rule.windowSeconds * 1000;
  const asked = slidingWindow(asks, windowMs, rule.graceSeconds * 1000);
  // Answers count from before the window on: they may be to an ask at its very beginning.
  const answered = slidingWindow(answers, windowMs + rule.graceSeconds * 1000);
  let open: readonly string[] = [];
  return {
    // Nothing happens at the end of a grace time; the next ask brings it to light.
    instants: instantsOf(asks),
    pointsAt(at) {
      const answeredNow = answered(at);
      open = [...asked(at).keys()].filter((name) => !answeredNow.has(name));
      return pointsFor(open.length, rule);
    },
    evidence: () => open.slice(-EVIDENCE_SHOWN),
  };
}

function ringMeter(cap: number, steps: ReturnType<typeof ringTimeline>): Meter {
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
    evidence: () => (step && step.points > 0 ? [step.user] : []),
  };
}

const pointsFor = (
  count: number,
  rule: { readonly free: number; readonly weight: number; readonly cap: number },
) => Math.min(rule.cap, Math.max(0, count - rule.free) * rule.weight);

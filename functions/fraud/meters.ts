/** How many points one rule gives at an instant, asked along a time line that only moves forward. */
import { nameOf, type Trail } from './evidence.ts';
import type { DistinctRule, OccurrenceRule, Rule } from './rules.ts';

/** How many keys of occurrences an explanation names. */
const EVIDENCE_SHOWN = 12;

export interface Meter {
  /** When something happened that this rule counts, in order. */
  readonly instants: readonly number[];
  /** Points at `at`, which must not lie before that of the call before. */
  pointsAt(at: number): number;
  /** The newest occurrences that count at the instant last asked about. */
  evidenceAt(at: number): readonly string[];
}

type Occurrence = readonly [key: string, at: number];

/** The meter of a rule over a trail, without what lies at or before `after`. */
export function meterOf(rule: Rule, trail: Trail, after: number): Meter {
  const occurrences: readonly Occurrence[] = Object.entries(trail)
    .filter(([, at]) => at > after)
    .sort(([x, a], [y, b]) => a - b || (x < y ? -1 : 1));
  return rule.kind === 'occurrence'
    ? occurrenceMeter(rule, occurrences)
    : distinctMeter(rule, occurrences);
}

/** A sum that halves every half-life and never exceeds the cap. */
function occurrenceMeter(rule: OccurrenceRule, occurrences: readonly Occurrence[]): Meter {
  const halfLifeMs = rule.halfLifeSeconds * 1000;
  let next = 0;
  let points = 0;
  let pointsTime = 0;
  const decayTo = (at: number) => {
    points *= 2 ** ((pointsTime - at) / halfLifeMs);
    pointsTime = at;
  };
  return {
    instants: occurrences.map(([, at]) => at),
    pointsAt(at) {
      for (let due = occurrences[next]; due && due[1] <= at; due = occurrences[next]) {
        decayTo(due[1]);
        points = Math.min(rule.cap, points + rule.weight);
        next += 1;
      }
      if (points > 0) decayTo(at);
      return points;
    },
    evidenceAt: () =>
      occurrences.slice(Math.max(0, next - EVIDENCE_SHOWN), next).map(([key]) => nameOf(key)),
  };
}

/** Counts different members in a sliding window. */
function distinctMeter(rule: DistinctRule, occurrences: readonly Occurrence[]): Meter {
  const windowMs = rule.windowSeconds * 1000;
  const members = occurrences.map(([key, at]) => ({ member: nameOf(key), at }));
  const inWindow = new Map<string, number>();
  let head = 0;
  let tail = 0;
  return {
    instants: occurrences.map(([, at]) => at),
    pointsAt(at) {
      for (let due = members[head]; due && due.at <= at; due = members[head]) {
        inWindow.set(due.member, (inWindow.get(due.member) ?? 0) + 1);
        head += 1;
      }
      for (let old = members[tail]; old && old.at <= at - windowMs; old = members[tail]) {
        const left = (inWindow.get(old.member) ?? 1) - 1;
        if (left > 0) inWindow.set(old.member, left);
        else inWindow.delete(old.member);
        tail += 1;
      }
      return Math.min(rule.cap, Math.max(0, inWindow.size - rule.free) * rule.weight);
    },
    evidenceAt: () => [...inWindow.keys()].slice(-EVIDENCE_SHOWN),
  };
}

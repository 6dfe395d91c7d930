/**
 * From evidence to a judgement: a pure function of what happened, not of when or how often we were
 * told. The whole history in memory is replayed along its own time line, so a late event changes
 * the judgement exactly as if it had come in time.
 */
import { createMeters, type Meter, type Readings } from './meters.ts';
import { isClientRule, type Rule, type RuleSet } from './rules.ts';
import type { SubjectKind } from './subjects.ts';

export const MEASURES = ['watch', 'throttle', 'stepUp', 'block'] as const;
export type Measure = (typeof MEASURES)[number];

/** A measure from an instant to another, both in Unix milliseconds, and what led to it. */
export interface Episode {
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

/** The latest episode of each measure there ever was, within what is remembered. */
export interface Assessment {
  /** Points at the newest evidence. */
  readonly score: number;
  /** How many blocks there were. */
  readonly escalation: number;
  readonly episodes: Readonly<Partial<Record<Measure, Episode>>>;
}

/**
 * A block of a network holds for newcomers only, whose devices were enrolled after it began: else
 * everybody behind a shared address would suffer.
 */
const MEASURES_OF: Readonly<Record<SubjectKind, readonly Measure[]>> = {
  user: MEASURES,
  device: MEASURES,
  network: ['watch', 'throttle', 'block'],
};

/** Judges a subject of this kind, leaving out what lies at or before `forgivenAt`. */
export function assess(
  ruleSet: RuleSet,
  kind: SubjectKind,
  readings: Readings,
  forgivenAt: number,
): Assessment {
  const meterOf = createMeters(readings, forgivenAt, ruleSet.memory);
  const meters = ruleSet.rules
    .filter(({ subjects }) => (subjects as readonly SubjectKind[]).includes(kind))
    .map((rule) => ({
      rule,
      client: isClientRule(rule),
      meter: meterOf(rule),
    }))
    .filter(({ meter }) => meter.instants.length > 0);
  const episodes: Partial<Record<Measure, Episode>> = {};
  let escalation = 0;
  let score = 0;
  for (const at of timelineOf(meters)) {
    score = total(ruleSet, meters, at);
    for (const measure of MEASURES_OF[kind]) {
      const threshold = ruleSet.thresholds[measure];
      if (score < threshold.points) continue;
      const current = episodes[measure];
      const running = current !== undefined && at <= current.until;
      if (measure === 'block') {
        // What a blocked subject still tries neither prolongs its block nor makes the next longer.
        if (running) continue;
        escalation += 1;
      }
      const hold = holdSeconds(ruleSet, measure, escalation) * 1000;
      if (measure === 'block') for (const { meter } of meters) meter.blockedUntil?.(at + hold);
      episodes[measure] = running
        ? { ...current, until: at + hold }
        : { since: at, until: at + hold, score, causes: causesOf(meters, at) };
    }
  }
  return { score, escalation, episodes };
}

interface RunningMeter {
  readonly rule: Rule;
  readonly client: boolean;
  readonly meter: Meter;
}

function holdSeconds(ruleSet: RuleSet, measure: Measure, escalation: number): number {
  const { holdSeconds: hold } = ruleSet.thresholds[measure];
  if (typeof hold === 'number') return hold;
  return hold[Math.min(escalation, hold.length) - 1] ?? hold[0];
}

function timelineOf(meters: readonly RunningMeter[]): readonly number[] {
  const instants = new Set<number>();
  for (const { meter } of meters) for (const at of meter.instants) instants.add(at);
  return [...instants].sort((a, b) => a - b);
}

function total(ruleSet: RuleSet, meters: readonly RunningMeter[], at: number): number {
  let server = 0;
  let client = 0;
  for (const { meter, client: reported } of meters) {
    const points = meter.pointsAt(at);
    if (reported) client += points;
    else server += points;
  }
  return server + Math.min(client, ruleSet.clientCap);
}

function causesOf(meters: readonly RunningMeter[], at: number): readonly Cause[] {
  return meters
    .map(({ rule, meter }) => ({
      rule: rule.id,
      points: meter.pointsAt(at),
      evidence: meter.evidence(),
    }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points);
}

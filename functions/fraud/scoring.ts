/**
 * From evidence to a judgement: a pure function of what happened, not of when or how often we were
 * told. The whole history in memory is replayed along its own time line, so a late event changes
 * the judgement exactly as if it had come in time.
 */
import type { FraudEvent } from './events.ts';
import { dayKey, type Evidence, hourKey } from './evidence.ts';
import { type Meter, meterOf } from './meters.ts';
import { isClientRule, type Rule, type RuleSet, trailOf } from './rules.ts';
import type { Subject, SubjectKind } from './subjects.ts';

export type Measure = 'watch' | 'throttle' | 'stepUp' | 'block';

/** A measure from an instant to another, both in Unix milliseconds, and what led to it. */
export interface Episode {
  readonly since: number;
  readonly until: number;
  readonly score: number;
  readonly causes: readonly Cause[];
}

/** What one rule gave, and the keys of the occurrences it gave it for. */
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

/** Blocks would hit everybody behind a shared address, so a network is at most slowed down. */
const MEASURES: Readonly<Record<SubjectKind, readonly Measure[]>> = {
  user: ['watch', 'throttle', 'stepUp', 'block'],
  device: ['watch', 'throttle', 'stepUp', 'block'],
  network: ['watch', 'throttle'],
};

/** What an event is evidence of against one subject; undefined where no rule looks at it. */
export function evidenceOf(
  event: FraudEvent,
  rules: readonly Rule[],
  subject: Subject,
): Evidence | undefined {
  const newest = Date.parse(event.receivedAt);
  const trails: Record<string, Readonly<Record<string, number>>> = {};
  for (const rule of rules) {
    if (!rule.subjects.includes(subject.kind) || !selects(rule, event)) continue;
    if (rule.kind === 'occurrence')
      trails[trailOf(rule)] = { [hourKey(event.eventId, newest)]: newest };
    const member = rule.kind === 'distinct' ? event[rule.member] : null;
    if (member !== null) trails[trailOf(rule)] = { [dayKey(member, newest)]: newest };
  }
  return Object.keys(trails).length > 0 ? { newest, trails } : undefined;
}

function selects(rule: Rule, event: FraudEvent): boolean {
  const { types, causes } = rule.on;
  return types.includes(event.type) && (!causes || causes.includes(event.cause ?? ''));
}

/** Judges the evidence about a subject of this kind, leaving out what lies at or before `forgivenAt`. */
export function assess(
  ruleSet: RuleSet,
  kind: SubjectKind,
  evidence: Evidence,
  forgivenAt = 0,
): Assessment {
  const meters = ruleSet.rules
    .filter((rule) => rule.subjects.includes(kind))
    .map((rule) => ({
      rule,
      client: isClientRule(rule),
      meter: meterOf(rule, evidence.trails[trailOf(rule)] ?? {}, forgivenAt),
    }));
  const episodes: Partial<Record<Measure, Episode>> = {};
  let escalation = 0;
  let score = 0;
  for (const at of timeline(meters, forgivenAt)) {
    score = total(ruleSet, meters, at);
    for (const measure of MEASURES[kind]) {
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
      episodes[measure] =
        running && current
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

function timeline(meters: readonly RunningMeter[], after: number): readonly number[] {
  const instants = new Set(meters.flatMap(({ meter }) => meter.instants));
  return [...instants].filter((at) => at > after).sort((a, b) => a - b);
}

function total(ruleSet: RuleSet, meters: readonly RunningMeter[], at: number): number {
  let server = 0;
  let client = 0;
  for (const meter of meters) {
    const points = meter.meter.pointsAt(at);
    if (meter.client) client += points;
    else server += points;
  }
  return server + Math.min(client, ruleSet.clientCap);
}

function causesOf(meters: readonly RunningMeter[], at: number): readonly Cause[] {
  return meters
    .map(({ rule, meter }) => ({
      rule: rule.id,
      points: meter.pointsAt(at),
      evidence: meter.evidenceAt(at),
    }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points);
}

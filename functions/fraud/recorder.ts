/** What the rules want to have remembered of each event. */
import type { EventType } from '../protocol/event-schema.ts';
import { DAY_MS } from '../time.ts';
import type { FraudEvent } from './events.ts';
import { dayKey, type Evidence, type EvidenceBounds, hourKey, type Series } from './evidence.ts';
import { isHint, type Rule, type RuleSet, type Selector } from './rules.ts';
import type { Subject, SubjectKind } from './subjects.ts';

/** What names an occurrence in a series: the event itself or one of its members. */
type Naming = 'event' | 'model' | 'item' | 'device' | 'user' | 'network';

/** Hours with occurrences of one kind, the newest, that are remembered. */
const OCCURRENCE_HOURS = 24;
/** How long members are remembered, all alike: a question must not outlive its answer. */
const MEMBERS_MS = 31 * DAY_MS;

/** By the day, the versions of the app from which came what can restrict. */
export const VERSIONS_SERIES = 'versions#appVersion';

interface Recording {
  readonly series: string;
  readonly on: Selector;
  readonly name: Naming;
  readonly subjects: readonly SubjectKind[];
  readonly authentication: Rule['authentication'];
  /** Whether the rule can restrict anybody. */
  readonly restricts: boolean;
}

/**
 * The series of a selection. Named by what is recorded and not by the rule, so that rules with the
 * same selection share it and a change of weights keeps what is known.
 */
export function seriesOf(on: Selector, name: Naming): string {
  let selection = selections.get(on);
  if (selection === undefined) {
    selection = selectionOf(on);
    selections.set(on, selection);
  }
  return `${selection}#${name}`;
}

/** Rules are asked about with each event and never change. */
const selections = new WeakMap<Selector, string>();

function selectionOf({ types, causes, reasons, attributes = {}, atLeast = {} }: Selector): string {
  const list = (values: readonly string[] | undefined, mark: string) =>
    values && values.length > 0 ? `${mark}${[...values].sort().join(',')}` : '';
  const wanted = [
    ...Object.entries(attributes).map(([key, value]) => `${key}=${value}`),
    ...Object.entries(atLeast).map(([key, value]) => `${key}>=${value}`),
  ];
  const only = list(causes, '') + list(reasons, ':') + list(wanted, '?');
  return `${[...types].sort().join('+')}${only && `(${only})`}`;
}

function recordingsOf(rule: Rule): readonly Recording[] {
  const { subjects, authentication } = rule;
  const restricts = !isHint(rule);
  const record = (on: Selector, name: Naming): Recording => ({
    series: seriesOf(on, name),
    on,
    name,
    subjects,
    authentication,
    restricts,
  });
  switch (rule.kind) {
    case 'occurrence':
      return [record(rule.on, 'event')];
    case 'distinct':
      return [record(rule.on, rule.member)];
    case 'unanswered':
      return [record(rule.on, rule.member), record(rule.answers, rule.member)];
  }
}

export interface Recorder {
  /** What an event is evidence of against one subject; undefined where no rule looks at it. */
  evidenceOf(event: FraudEvent, subject: Subject): Evidence | undefined;
  readonly bounds: EvidenceBounds;
  /** How long a document of evidence is kept after its newest. */
  readonly horizonMs: number;
}

/** Records what any of the rule sets reads. */
export function createRecorder(ruleSets: readonly [RuleSet, ...RuleSet[]]): Recorder {
  const byType = new Map<EventType, Recording[]>();
  for (const recording of ruleSets.flatMap(({ rules }) => rules.flatMap(recordingsOf))) {
    for (const type of recording.on.types) {
      byType.set(type, [...(byType.get(type) ?? []), recording]);
    }
  }
  const memories = ruleSets.map(({ memory }) => memory);
  const max = (name: keyof RuleSet['memory']) =>
    Math.max(...memories.map((memory) => memory[name]));
  const horizonMs = 1000 * Math.max(...ruleSets.map(({ horizonSeconds }) => horizonSeconds));
  const [perHour, perDay] = [max('occurrencesPerHour'), max('membersPerDay')];
  return {
    evidenceOf(event, subject) {
      const at = Date.parse(event.receivedAt);
      const found: Record<string, Series> = {};
      for (const recording of byType.get(event.type) ?? []) {
        if (!recording.subjects.includes(subject.kind) || !isEvidence(event, recording)) continue;
        const key = keyOf(event, recording.name, at);
        if (key === undefined) continue;
        found[recording.series] = { [key]: at };
        if (recording.restricts && event.appVersion !== null) {
          found[VERSIONS_SERIES] = { [dayKey(event.appVersion, at)]: at };
        }
      }
      // To the day only: what was known today already then costs no write.
      const newest = at - (at % DAY_MS);
      return Object.keys(found).length > 0 ? { newest, series: found } : undefined;
    },
    horizonMs,
    bounds: (series) =>
      series.endsWith('#event')
        ? { horizonMs, buckets: OCCURRENCE_HOURS, perBucket: perHour }
        : { horizonMs: MEMBERS_MS, buckets: Number.POSITIVE_INFINITY, perBucket: perDay },
  };
}

/** Whether the event is selected, and enough of its caller was proven. */
function isEvidence(event: FraudEvent, { on, authentication }: Recording): boolean {
  const { attributes, cause } = event;
  return (
    (authentication === 'user' || event.authenticated === 'device') &&
    (!on.causes || on.causes.includes(cause ?? '')) &&
    (!on.reasons || on.reasons.includes(String(attributes['reason'] ?? ''))) &&
    Object.entries(on.attributes ?? {}).every(([name, value]) => attributes[name] === value) &&
    Object.entries(on.atLeast ?? {}).every(([name, least]) => Number(attributes[name]) >= least)
  );
}

const itemOf = ({ model, version }: FraudEvent): string | null =>
  model && version ? `${model}@${version}` : model;

function keyOf(event: FraudEvent, name: Naming, at: number): string | undefined {
  if (name === 'event') return hourKey(event.eventId, at);
  const member = name === 'item' ? itemOf(event) : event[name];
  return member === null ? undefined : dayKey(member, at);
}

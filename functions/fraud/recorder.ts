/** What the rules want to have remembered of each event. */
import type { EventType } from '../protocol/event-schema.ts';
import { DAY_MS } from '../time.ts';
import type { FraudEvent } from './events.ts';
import {
  dayKey,
  type Evidence,
  type EvidenceBounds,
  hourKey,
  monthKey,
  type Series,
} from './evidence.ts';
import type { Rule, RuleSet, Selector } from './rules.ts';
import type { Subject, SubjectKind } from './subjects.ts';

/** What names an occurrence in a series: the event itself, one of its members, or who took which model. */
type Naming = 'event' | 'model' | 'device' | 'user' | 'network' | 'version' | 'pair' | 'neighbour';

/** Hours with occurrences of one kind, the newest, that are remembered. */
const OCCURRENCE_HOURS = 24;
/**
 * How long members are remembered, all alike: a question must not outlive its answer. A member
 * unseen for this long is new again, and whoever shared something longer ago is not linked.
 */
const MEMBERS_MS = 31 * DAY_MS;
/** Between the two names of a pair; no identifier contains it. */
const PAIR_SEPARATOR = '/';
const VERSION_SEPARATOR = '@';
const SCATTER_CHARS = 8;

interface Recording {
  readonly seriesName: string;
  readonly on: Selector;
  readonly name: Naming;
  readonly subjects: readonly SubjectKind[];
}

const GRANTS: Selector = { types: ['grant.made'] };

/**
 * The series of a selection. Named by what is recorded and not by the rule, so that rules with the
 * same selection share it and a change of weights keeps what is known.
 */
export function seriesOf(on: Selector, name: Naming): string {
  const causes = on.causes ? `(${[...on.causes].sort().join(',')})` : '';
  return `${[...on.types].sort().join('+')}${causes}#${name}`;
}

/** Who took which model on a device. */
export const PAIRS_SERIES = seriesOf(GRANTS, 'pair');

/** Grants and renewals: a model in use. */
const USES: Selector = { types: ['grant.made', 'licence.renewed'] };

/** Who used which model behind a network. */
export const NEIGHBOURS_SERIES = seriesOf(USES, 'neighbour');

/** That a subject's device has proven itself, by being enrolled or by getting a model. */
export const PROOF_SERIES = [
  seriesOf({ types: ['device.enrolled'] }, 'device'),
  seriesOf(GRANTS, 'device'),
] as const;

/** Who is linked to a subject: those that got models with it. */
export const linkSeries = (to: 'user' | 'device'): string => seriesOf(GRANTS, to);

/** The user and the model that a name in the series of pairs stands for. */
export function pairOf(name: string): { readonly user: string; readonly model: string } {
  const separator = name.indexOf(PAIR_SEPARATOR);
  return { user: name.slice(SCATTER_CHARS, separator), model: name.slice(separator + 1) };
}

/** The same of the seriesName of neighbours, whose names end with the parity of the day. */
export const sightingOf = (name: string) => pairOf(name.slice(0, -2));

/** The model of a name in a series of versions. */
export const modelOf = (name: string): string => name.slice(0, name.indexOf(VERSION_SEPARATOR));

/**
 * The name of a pair. It begins with a hash (FNV-1a), so that where a day holds more pairs than are
 * remembered, those that are form a fair sample and not the doings of a few users.
 */
function pairName(user: string, model: string): string {
  const pair = `${user}${PAIR_SEPARATOR}${model}`;
  let hash = 0x811c9dc5;
  for (let n = 0; n < pair.length; n += 1) {
    hash = Math.imul(hash ^ pair.charCodeAt(n), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(SCATTER_CHARS, '0') + pair;
}

function recordingsOf(rule: Rule): readonly Recording[] {
  const { subjects } = rule;
  const record = (on: Selector, name: Naming): Recording => ({
    seriesName: seriesOf(on, name),
    on,
    name,
    subjects,
  });
  switch (rule.kind) {
    case 'occurrence':
      return [record(rule.on, 'event')];
    case 'distinct':
      return [record(rule.on, rule.member)];
    case 'probation':
      return [record(rule.on, 'model')];
    case 'versions':
      return [record(rule.on, 'version')];
    case 'unanswered':
      return [record(rule.on, rule.member), record(rule.answers, rule.member)];
    case 'shared':
      return [record(GRANTS, 'pair')];
    case 'ring':
      return [record(USES, 'neighbour')];
    case 'linked': {
      // The source remembers whom it is linked to; a network does so in its pairs.
      const [target] = rule.subjects;
      if (rule.from === 'network') return [];
      return [{ ...record(GRANTS, target), subjects: [rule.from] }];
    }
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
  const recordings = ruleSets.flatMap(({ rules }) => rules.flatMap(recordingsOf));
  const byType = new Map<EventType, Recording[]>();
  for (const recording of recordings) {
    for (const type of recording.on.types) {
      byType.set(type, [...(byType.get(type) ?? []), recording]);
    }
  }
  const memories = ruleSets.map(({ memory }) => memory);
  const most = (name: keyof RuleSet['memory']) =>
    Math.max(...memories.map((memory) => memory[name]));
  const horizonMs = 1000 * Math.max(...ruleSets.map(({ horizonSeconds }) => horizonSeconds));
  return {
    evidenceOf(event, subject) {
      const at = Date.parse(event.receivedAt);
      const series: Record<string, Series> = {};
      for (const { seriesName, on, name, subjects } of byType.get(event.type) ?? []) {
        if (!subjects.includes(subject.kind)) continue;
        if (on.causes && !on.causes.includes(event.cause ?? '')) continue;
        const key = keyOf(event, name, at);
        if (key !== undefined) series[seriesName] = { [key]: at };
      }
      // To the day only: what was known today already then costs no write.
      const newest = at - (at % DAY_MS);
      return Object.keys(series).length > 0 ? { newest, series } : undefined;
    },
    horizonMs,
    bounds(seriesName) {
      const kind = seriesName.slice(seriesName.indexOf('#') + 1);
      const buckets = Number.POSITIVE_INFINITY;
      switch (kind) {
        case 'event':
          return { horizonMs, buckets: OCCURRENCE_HOURS, perBucket: most('occurrencesPerHour') };
        case 'neighbour':
          return { horizonMs: MEMBERS_MS, buckets, perBucket: most('neighboursPerMonth') };
        default:
          return { horizonMs: MEMBERS_MS, buckets, perBucket: most('membersPerDay') };
      }
    },
  };
}

function keyOf(event: FraudEvent, name: Naming, at: number): string | undefined {
  if (name === 'event') return hourKey(event.eventId, at);
  if (name === 'pair' || name === 'neighbour') {
    if (event.user === null || event.model === null) return undefined;
    const pair = pairName(event.user, event.model);
    if (name === 'pair') return dayKey(pair, at);
    // Of neighbours it matters what is new and whether they return to it. Once a month on an even
    // day and once on an odd one tells both, and spares the writes of a name a day.
    return monthKey(`${pair}${PAIR_SEPARATOR}${Math.floor(at / DAY_MS) % 2}`, at);
  }
  if (name === 'version') {
    if (event.model === null || event.version === null) return undefined;
    return dayKey(`${event.model}${VERSION_SEPARATOR}${event.version}`, at);
  }
  const member = event[name];
  return member === null ? undefined : dayKey(member, at);
}

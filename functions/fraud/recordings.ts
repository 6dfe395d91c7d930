/** What the rules want to have remembered of each event. */
import type { EventType } from './catalogue.ts';
import type { FraudEvent } from './events.ts';
import { dayKey, type Evidence, type EvidenceBounds, hourKey, type Trail } from './evidence.ts';
import type { Rule, RuleSet, Selector } from './rules.ts';
import type { Subject, SubjectKind } from './subjects.ts';

/** What names an occurrence in a trail: the event itself, one of its members, or who took which model. */
type Naming = 'event' | 'model' | 'device' | 'user' | 'network' | 'pair';

/** Hours with occurrences of one kind, the newest, that are remembered. */
const OCCURRENCE_HOURS = 24;
const DAY_SECONDS = 86_400;
/** Between the two names of a pair; no identifier contains it. */
const PAIR_SEPARATOR = '/';

interface Recording {
  readonly trail: string;
  readonly on: Selector;
  readonly name: Naming;
  readonly subjects: readonly SubjectKind[];
  readonly windowSeconds: number;
}

const GRANTS: Selector = { types: ['grant.made'] };

/**
 * The trail of a selection. Named by what is recorded and not by the rule, so that rules with the
 * same selection share it and a change of weights keeps what is known.
 */
export function trailOf(on: Selector, name: Naming): string {
  const causes = on.causes ? `(${[...on.causes].sort().join(',')})` : '';
  return `${[...on.types].sort().join('+')}${causes}#${name}`;
}

/** Who took which model in a network. */
export const PAIRS_TRAIL = trailOf(GRANTS, 'pair');

/** Who is linked to a subject: those that got models with it. */
export const linkTrail = (to: 'user' | 'device'): string => trailOf(GRANTS, to);

/** The user and the model that a name in `PAIRS_TRAIL` stands for. */
export function pairOf(name: string): { readonly user: string; readonly model: string } {
  const [user = '', model = ''] = name.split(PAIR_SEPARATOR);
  return { user, model };
}

function recordingsOf(rule: Rule): readonly Recording[] {
  const record = (on: Selector, name: Naming, windowSeconds: number): Recording => ({
    trail: trailOf(on, name),
    on,
    name,
    subjects: rule.subjects,
    windowSeconds,
  });
  switch (rule.kind) {
    case 'occurrence':
      return [record(rule.on, 'event', 0)];
    case 'distinct':
      return [record(rule.on, rule.member, rule.windowSeconds)];
    case 'unanswered':
      return [
        record(rule.on, rule.member, rule.windowSeconds),
        record(rule.answers, rule.member, rule.windowSeconds),
      ];
    case 'ring':
      return [record(GRANTS, 'pair', rule.windowSeconds)];
    case 'linked': {
      // The source remembers whom it is linked to; a network does so in its pairs.
      const [target] = rule.subjects;
      if (rule.from === 'network') return [];
      return [{ ...record(GRANTS, target, 30 * DAY_SECONDS), subjects: [rule.from] }];
    }
  }
}

export interface Recorder {
  /** What an event is evidence of against one subject; undefined where no rule looks at it. */
  evidenceOf(event: FraudEvent, subject: Subject): Evidence | undefined;
  readonly bounds: EvidenceBounds;
}

/** Records what any of the rule sets reads, for as long as the longest window on it. */
export function createRecorder(ruleSets: readonly [RuleSet, ...RuleSet[]]): Recorder {
  const recordings = ruleSets.flatMap(({ rules }) => rules.flatMap(recordingsOf));
  const byType = new Map<EventType, Recording[]>();
  const days = new Map<string, number>();
  for (const recording of recordings) {
    for (const type of recording.on.types) {
      byType.set(type, [...(byType.get(type) ?? []), recording]);
    }
    const needed = Math.ceil(recording.windowSeconds / DAY_SECONDS) + 1;
    days.set(recording.trail, Math.max(needed, days.get(recording.trail) ?? 0));
  }
  const memories = ruleSets.map(({ memory }) => memory);
  const most = (name: keyof RuleSet['memory']) =>
    Math.max(...memories.map((memory) => memory[name]));
  const horizonSeconds = Math.max(...ruleSets.map((ruleSet) => ruleSet.horizonSeconds));
  return {
    evidenceOf(event, subject) {
      const at = Date.parse(event.receivedAt);
      const trails: Record<string, Trail> = {};
      for (const { trail, on, name, subjects } of byType.get(event.type) ?? []) {
        if (!subjects.includes(subject.kind)) continue;
        if (on.causes && !on.causes.includes(event.cause ?? '')) continue;
        const key = keyOf(event, name, at);
        if (key !== undefined) trails[trail] = { [key]: at };
      }
      return Object.keys(trails).length > 0 ? { newest: at, trails } : undefined;
    },
    bounds: {
      horizonMs: horizonSeconds * 1000,
      of(trail) {
        if (trail.endsWith('#event')) {
          return { buckets: OCCURRENCE_HOURS, perBucket: most('occurrencesPerHour') };
        }
        const perBucket = trail.endsWith('#pair') ? most('pairsPerDay') : most('membersPerDay');
        return { buckets: days.get(trail) ?? 0, perBucket };
      },
    },
  };
}

function keyOf(event: FraudEvent, name: Naming, at: number): string | undefined {
  if (name === 'event') return hourKey(event.eventId, at);
  if (name === 'pair') {
    if (event.user === null || event.model === null) return undefined;
    return dayKey(`${event.user}${PAIR_SEPARATOR}${event.model}`, at);
  }
  const member = event[name];
  return member === null ? undefined : dayKey(member, at);
}

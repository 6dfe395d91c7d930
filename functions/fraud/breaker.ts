/**
 * The breaker for our own mistakes: when one rule is about to restrict more users of one version of the
 * app than its own history and the number of active users explain, the mistake is more likely ours
 * than theirs. What it would do within a day before and after is then held back, until a quiet day; a
 * week where few use the version. Whomever a rule restricts in any way counts: its throttles come before
 * its blocks, and show the mistake sooner.
 *
 * What is held back follows from all occasions together and not from the order in which they were
 * told, since events come late, twice, in any order and to several instances.
 */
import { z } from 'zod';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS } from '../time.ts';
import type { SubjectKind } from './subjects.ts';

/** So many a day are nothing that a release must be suspected for; of one that few use, a single one. */
const MIN_RESTRICTED = 3;
const FEW_USERS = 50;
const WINDOW_MS = DAY_MS;
/** Few users of a version come so seldom that a mistake does not show within a day. */
const WINDOW_OF_FEW_MS = 7 * DAY_MS;
/** Of fewer a single one is no exception from what the others do. */
const COMPARABLE_USERS = 10;
/** Of the version's users of a day. */
const MAX_SHARE = 0.02;
/** Times the daily mean of the rule's own history. */
const MAX_RISE = 4;
const HISTORY_DAYS = 28;
/** However many users there are: so many at once are a matter for people, and what is undone at once is one transaction. */
const MAX_RESTRICTED = 64;
/** Of a day: beyond, the breaker has long tripped. */
const MAX_REMEMBERED = 2 * MAX_RESTRICTED;

const state = z.object({
  /** Keys of the subjects that the rule was to restrict, and when, in Unix milliseconds. */
  subjects: z.record(z.string(), z.array(z.number())),
  /** Active users of the version by day (UTC), the most that was seen. */
  days: z.record(z.string(), z.number()),
});

/** What one breaker is for. */
export interface Breaking {
  readonly kind: SubjectKind;
  /** The one that weighed most. */
  readonly rule: string;
  /** Empty where it is unknown. */
  readonly appVersion: string;
}

/** What is known of a rule among the users of a version. */
export interface Breaker {
  /** When each subject was to be restricted, in Unix milliseconds. */
  readonly occasions: ReadonlyMap<string, readonly number[]>;
  readonly activeUsers: ReadonlyMap<string, number>;
}

/** A time in which blocks are held back, in Unix milliseconds; both ends belong to it. */
interface TrippedTime {
  readonly since: number;
  readonly until: number;
}

/** Where its occasions are kept. */
export const breakerPath = ({ kind, rule, appVersion }: Breaking): string =>
  `breakers/${kind}.${rule}__${encodeURIComponent(appVersion)}`;

/** Throws on a document that this code did not write. */
export function readBreaker(data: DocumentData | undefined): Breaker {
  const { subjects, days } = data ? state.parse(data) : { subjects: {}, days: {} };
  return {
    occasions: new Map(Object.entries(subjects)),
    activeUsers: new Map(Object.entries(days)),
  };
}

/** The document, or undefined where there is nothing to remember. */
export function breakerDocument(breaker: Breaker, breaking: Breaking): DocumentData | undefined {
  const { occasions, activeUsers } = breaker;
  const newest = newestOf(occasions);
  if (newest === undefined) return undefined;
  return {
    ...breaking,
    subjects: Object.fromEntries(occasions),
    days: Object.fromEntries(
      [...activeUsers].filter(([day]) => day >= dayOf(remembersFrom(breaker))),
    ),
    trippedUntil: new Date(tripsOf(breaker).at(-1)?.until ?? 0),
    expireAt: new Date(newest + (HISTORY_DAYS + 1) * DAY_MS),
  };
}

/** Older occasions are dropped: by the newest of all and not by the clock. */
export const remembersFrom = ({ occasions }: Breaker): number =>
  (newestOf(occasions) ?? 0) - HISTORY_DAYS * DAY_MS;

/** The breaker once these are the occasions of a subject after `resetAt`; earlier ones stay what they were. */
export function withOccasions(
  { occasions, activeUsers }: Breaker,
  subject: string,
  own: readonly number[],
  resetAt: number,
): Breaker {
  const kept = (occasions.get(subject) ?? []).filter((at) => at <= resetAt);
  const next = new Map(occasions);
  next.delete(subject);
  if (kept.length + own.length > 0) next.set(subject, [...kept, ...own]);
  return { occasions: remembered(next), activeUsers };
}

function remembered(occasions: Breaker['occasions']): Breaker['occasions'] {
  const from = remembersFrom({ occasions, activeUsers: new Map() });
  const byDay = Map.groupBy(
    inOrder(occasions).filter(({ at }) => at >= from),
    ({ at }) => dayOf(at),
  );
  const kept = [...byDay.values()].flatMap((ofDay) => ofDay.slice(0, MAX_REMEMBERED));
  const bySubject = Map.groupBy(kept, ({ subject }) => subject);
  return new Map([...bySubject].map(([subject, own]) => [subject, own.map(({ at }) => at)]));
}

/** The breaker once so many users of the version were active on the day of `at`. */
export function withActiveUsers(breaker: Breaker, count: number, at: number): Breaker {
  const day = dayOf(at);
  const known = breaker.activeUsers.get(day) ?? 0;
  if (count <= known) return breaker;
  return { ...breaker, activeUsers: new Map([...breaker.activeUsers, [day, count]]) };
}

/** When the breaker is tripped, in order, apart from each other. */
export function tripsOf(breaker: Breaker): readonly TrippedTime[] {
  const all = inOrder(breaker.occasions);
  const trips: TrippedTime[] = [];
  /** Occasions by day that were not held back. */
  const counted = new Map<string, number>();
  for (const [index, { subject, at }] of all.entries()) {
    const day = dayOf(at);
    const users = usersAt(breaker, at);
    const windowMs = users < FEW_USERS ? WINDOW_OF_FEW_MS : WINDOW_MS;
    const lately = new Set<string>();
    for (let n = index - 1; n >= 0; n -= 1) {
      const before = all[n];
      if (!before || before.at <= at - windowMs) break;
      lately.add(before.subject);
    }
    const isKnown = lately.has(subject);
    lately.add(subject);
    const last = trips.at(-1);
    if (lately.size > explained(counted, at, users)) {
      // What was held back is no history that could explain the next.
      counted.delete(day);
      const trip = { since: at - windowMs, until: at + windowMs };
      if (last && last.until >= trip.since) {
        const since = Math.min(last.since, trip.since);
        trips.splice(-1, 1, { since, until: Math.max(last.until, trip.until) });
      } else trips.push(trip);
    } else if (!isKnown && !(last && at <= last.until)) {
      counted.set(day, (counted.get(day) ?? 0) + 1);
    }
  }
  return trips;
}

/** Whether what begins at `at` is held back. */
export const isWithin = (trips: readonly TrippedTime[], at: number): boolean =>
  trips.some(({ since, until }) => since <= at && at <= until);

/**
 * Whether a block that begins at `at` is held back because hardly anybody uses the version, so that nothing tells a
 * mistake of its makers from its user: for a week from when the rules were `first` for blocking him in any
 * version, or naming another one would hide a thief.
 */
export const isIncomparable = (breaker: Breaker, at: number, first: number): boolean =>
  usersAt(breaker, at) < COMPARABLE_USERS && at < first + WINDOW_OF_FEW_MS;

/** Active users; the next day's count knows who came later on that day. */
const usersAt = ({ activeUsers }: Breaker, at: number): number =>
  Math.max(activeUsers.get(dayOf(at)) ?? 0, activeUsers.get(dayOf(at + DAY_MS)) ?? 0);

/** How many a day the rule may restrict before it is suspected. */
function explained(counted: ReadonlyMap<string, number>, at: number, users: number): number {
  const [first, day] = [dayOf(at - HISTORY_DAYS * DAY_MS), dayOf(at)];
  let sum = 0;
  for (const [name, count] of counted) if (name >= first && name < day) sum += count;
  const few = users < FEW_USERS ? 1 : MIN_RESTRICTED;
  const most = Math.max(few, (MAX_RISE * sum) / HISTORY_DAYS, MAX_SHARE * users);
  return Math.min(MAX_RESTRICTED - 1, most);
}

const inOrder = (occasions: Breaker['occasions']) =>
  [...occasions]
    .flatMap(([subject, own]) => own.map((at) => ({ subject, at })))
    .sort((a, b) => a.at - b.at || (a.subject < b.subject ? -1 : 1));

const newestOf = (occasions: Breaker['occasions']): number | undefined =>
  inOrder(occasions).at(-1)?.at;

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

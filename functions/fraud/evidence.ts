/**
 * What is remembered about a subject: series of named instants in buckets of time. Merging is the
 * join of a semilattice, commutative, associative and idempotent; so events may arrive late, twice
 * or in any order, and the same events always leave the same evidence. Scores are computed from
 * evidence and never accumulated in it.
 */

import { DAY_MS, HOUR_MS } from '../time.ts';

/** From `<bucket>:<name>` to when that was first received, in Unix milliseconds. */
export type Series = Readonly<Record<string, number>>;

export interface Evidence {
  /** The latest day ever merged, also of what is not remembered any more; its first millisecond. */
  readonly newest: number;
  readonly series: Readonly<Record<string, Series>>;
}

/**
 * How much of a series is remembered. Whole buckets are dropped, and within a bucket what came first
 * is kept, so that nobody drives out what is known by naming more. What is forgotten had enough before
 * it and stays forgotten when it is delivered again.
 */
export interface SeriesBounds {
  /** Buckets that ended longer before the newest instant are dropped. */
  readonly horizonMs: number;
  /** The newest so many buckets that hold anything are kept. */
  readonly buckets: number;
  readonly perBucket: number;
}

export type EvidenceBounds = (seriesName: string) => SeriesBounds;

export const NO_EVIDENCE: Evidence = { newest: 0, series: {} };

/** The key of something that counts once an hour (UTC), such as an event with its own id. */
export const hourKey = (name: string, at: number): string => `${hourOf(at)}:${name}`;

/** The key of something that counts once a day (UTC), such as a model of one user. */
export const dayKey = (name: string, at: number): string => `${dayOf(at)}:${name}`;

/** What a key names, without its bucket. */
export const nameOf = (key: string): string => key.slice(key.indexOf(':') + 1);

/** Everything known from `a` and `b`, within the bounds. */
export function mergeEvidence(a: Evidence, b: Evidence, bounds: EvidenceBounds): Evidence {
  const newest = Math.max(a.newest, b.newest);
  const series: Record<string, Series> = { ...a.series };
  for (const name of new Set([...Object.keys(a.series), ...Object.keys(b.series)])) {
    const known = a.series[name] ?? {};
    const added = b.series[name];
    // What was within its bounds on this day already still is.
    if (!added && newest === a.newest) continue;
    const bound = bounds(name);
    const oldest = new Date(Math.max(0, newest - bound.horizonMs)).toISOString();
    // Most series of most events neither grow nor age: they are handed on as they are.
    if (!added && !Object.keys(known).some((key) => isOver(key, oldest))) continue;
    const grown = added && withinBounds(known, added, oldest, bound);
    if (grown) {
      series[name] = grown;
      continue;
    }
    const kept = bounded(join(known, added ?? {}), oldest, bound);
    if (kept.length > 0) series[name] = Object.fromEntries(kept);
    else delete series[name];
  }
  return { newest, series };
}

/** True if merging `part` into `whole` would add nothing. */
export function holds(whole: Evidence, part: Evidence): boolean {
  return (
    whole.newest >= part.newest &&
    Object.entries(part.series).every(([name, one]) =>
      Object.entries(one).every(([key, at]) => {
        const known = whole.series[name]?.[key];
        return known !== undefined && known <= at;
      }),
    )
  );
}

/**
 * True if merging `part` would leave `whole` as it is, though it does not hold it: its hour or day is
 * full of what came before, or forgotten. Of somebody who hammers this is nearly everything.
 */
export function forgets(whole: Evidence, part: Evidence, bounds: EvidenceBounds): boolean {
  if (part.newest > whole.newest) return false;
  return Object.entries(part.series).every(([name, one]) => {
    const { horizonMs, buckets, perBucket } = bounds(name);
    const oldest = new Date(Math.max(0, whole.newest - horizonMs)).toISOString();
    const known = whole.series[name] ?? {};
    return Object.entries(one).every(([key, at]) => {
      const instant = known[key];
      // At the same instant it may be the same event again, of which something followed.
      if (instant !== undefined) return instant < at;
      if (isOver(key, oldest)) return true;
      const bucket = key.slice(0, key.indexOf(':') + 1);
      const newer = new Set<string>();
      let before = 0;
      for (const other in known) {
        if (other.startsWith(bucket)) before += cameBefore(other, known[other] ?? 0, key, at);
        else if (buckets < Number.POSITIVE_INFINITY && other > key) newer.add(bucketOf(other));
      }
      return before >= perBucket || newer.size >= buckets;
    });
  });
}

/** Both together where nothing of either has to go, as it is with nearly all that is new. */
function withinBounds(
  known: Series,
  added: Series,
  oldest: string,
  { buckets, perBucket }: SeriesBounds,
): Series | undefined {
  const counts = new Map<string, number>();
  const count = (key: string) => {
    const bucket = bucketOf(key);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    return !isOver(key, oldest);
  };
  for (const key in known) if (!count(key)) return undefined;
  for (const key in added) if (known[key] !== undefined || !count(key)) return undefined;
  if (counts.size > buckets || Math.max(...counts.values()) > perBucket) return undefined;
  return { ...known, ...added };
}

const bucketOf = (key: string): string => key.slice(0, key.indexOf(':'));

type Occurrence = [key: string, at: number];

function join(a: Series, b: Series): Occurrence[] {
  const merged = new Map(Object.entries(a));
  for (const [key, at] of Object.entries(b)) {
    merged.set(key, Math.min(at, merged.get(key) ?? at));
  }
  return [...merged].sort(([x], [y]) => (x < y ? -1 : 1));
}

const cameBefore = (one: string, oneAt: number, other: string, otherAt: number): 0 | 1 =>
  oneAt < otherAt || (oneAt === otherAt && one < other) ? 1 : 0;

function bounded(
  sorted: readonly Occurrence[],
  oldest: string,
  { buckets, perBucket }: SeriesBounds,
): Occurrence[] {
  const remembered = sorted.filter(([key]) => !isOver(key, oldest));
  const byBucket = Map.groupBy(remembered, ([key]) => bucketOf(key));
  return [...byBucket]
    .slice(-buckets)
    .flatMap(([, occurrences]) =>
      occurrences.length <= perBucket
        ? occurrences
        : occurrences
            .sort(([x, xAt], [y, yAt]) => (cameBefore(x, xAt, y, yAt) ? -1 : 1))
            .slice(0, perBucket),
    );
}

/** Events come in the order of time, more or less: the bucket of the last one is that of the next. */
const bucketsOf = (spanMs: number, form: string) => {
  let known = { start: Number.NaN, text: '' };
  return (at: number): string => {
    const start = at - (at % spanMs);
    if (start !== known.start) {
      known = { start, text: new Date(start).toISOString().slice(0, form.length) };
    }
    return known.text;
  };
};
const hourOf = bucketsOf(HOUR_MS, '2026-01-01T00');
const dayOf = bucketsOf(DAY_MS, '2026-01-01');

/** Whether the whole bucket of a key lies before the instant `oldest`. */
const isOver = (key: string, oldest: string): boolean => {
  const length = key.indexOf(':');
  return key.slice(0, length) < oldest.slice(0, length);
};

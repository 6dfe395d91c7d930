/** A seriesName as a rule reads it: what occurred when, and which of it lies within a window of time. */
import { dayKey, nameOf, type Series } from './evidence.ts';

/** Something that occurred, and when in Unix milliseconds. */
export interface Occurrence {
  readonly name: string;
  readonly at: number;
}

/** What a series holds after the instant `after`, in order of time. */
export function inOrder(one: Series, after: number): readonly Occurrence[] {
  return Object.entries(one)
    .filter(([, at]) => at > after)
    .map(([key, at]) => ({ name: nameOf(key), at }))
    .sort(byTime);
}

const byTime = (a: Occurrence, b: Occurrence) => a.at - b.at || (a.name < b.name ? -1 : 1);
export const instantsOf = (occurrences: readonly Occurrence[]) => occurrences.map(({ at }) => at);

/** Tells of an instant whether its day (UTC) holds `perDay` names in the series, and perhaps lost some. */
export function fullDays(one: Series, perDay: number): (at: number) => boolean {
  const counts = new Map<string, number>();
  for (const key of Object.keys(one)) {
    const day = dayOf(key);
    counts.set(day, (counts.get(day) ?? 0) + 1);
  }
  return (at) => (counts.get(dayOf(dayKey('', at))) ?? 0) >= perDay;
}

const dayOf = (key: string) => key.slice(0, key.indexOf(':'));

/**
 * The occurrences that entered a window behind `lagMs` and left it, as a count of each name.
 * `changed` hears each name that has come in or gone.
 */
export function slidingWindow(
  occurrences: readonly Occurrence[],
  windowMs: number,
  { lagMs = 0, changed = (_name: string): void => {} } = {},
) {
  const inside = new Map<string, number>();
  let head = 0;
  let tail = 0;
  return (at: number): ReadonlyMap<string, number> => {
    for (let due = occurrences[head]; due && due.at <= at - lagMs; due = occurrences[head]) {
      const known = inside.get(due.name) ?? 0;
      inside.set(due.name, known + 1);
      if (known === 0) changed(due.name);
      head += 1;
    }
    for (
      let old = occurrences[tail];
      old && old.at <= at - windowMs && tail < head;
      old = occurrences[tail]
    ) {
      const left = (inside.get(old.name) ?? 1) - 1;
      if (left > 0) inside.set(old.name, left);
      else {
        inside.delete(old.name);
        changed(old.name);
      }
      tail += 1;
    }
    return inside;
  };
}

/**
 * Durations in buckets that grow by a fifth each: few numbers for any number of durations, which add up over
 * instances and hours, and a quantile that is too high by a fifth at most.
 */
const GROWTH = 2 ** 0.25;
/** Of some seventeen minutes and more. */
const LAST = 80;

/** The number of a duration's bucket, from 0; bucket n holds what took at most 2^(n/4) ms. */
export const bucketOf = (ms: number): number =>
  Math.min(LAST, Math.max(0, Math.ceil(Math.log(Math.max(1, ms)) / Math.log(GROWTH))));

/** What this share of all took at most, in whole milliseconds; null where there are none. */
export function quantileMs(buckets: ReadonlyMap<number, number>, share: number): number | null {
  const total = [...buckets.values()].reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of [...buckets].sort(([a], [b]) => a - b)) {
    seen += count;
    if (seen >= share * total) return Math.round(GROWTH ** bucket);
  }
  return null;
}

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HOUR_MS } from '../time.ts';
import {
  dayKey,
  type Evidence,
  type EvidenceBounds,
  forgets,
  holds,
  hourKey,
  mergeEvidence,
  NO_EVIDENCE,
  nameOf,
} from './evidence.ts';

const horizonMs = 48 * HOUR_MS;
const bounds: EvidenceBounds = (seriesName) =>
  seriesName === 'events'
    ? { horizonMs, buckets: 4, perBucket: 2 }
    : { horizonMs: horizonMs / 2, buckets: 2, perBucket: 3 };
const merge = (a: Evidence, b: Evidence) => mergeEvidence(a, b, bounds);

/** The evidence of one event; bounds so small, and times so spread, that most is forgotten. */
const single = fc
  .tuple(fc.boolean(), fc.integer({ min: 0, max: 80 * HOUR_MS }), fc.integer({ min: 0, max: 9 }))
  .map(([event, at, name]): Evidence => {
    // An event's time belongs to it: two deliveries of one event never differ in it.
    const series = event
      ? { events: { [hourKey(`e${at}`, at)]: at } }
      : { models: { [dayKey(`m${name}`, at)]: at } };
    return { newest: at, series };
  });
const several = fc
  .array(single, { maxLength: 30 })
  .map((parts) => parts.reduce(merge, NO_EVIDENCE));

describe('mergeEvidence', () => {
  it('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(several, several, several, (a, b, c) => {
        expect(merge(a, b)).toEqual(merge(b, a));
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)));
        expect(merge(a, a)).toEqual(a);
        expect(merge(merge(a, b), b)).toEqual(merge(a, b));
      }),
      { numRuns: 500 },
    );
  });

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(several, ({ series, newest }) => {
        expect(Object.keys(series['events'] ?? {}).length).toBeLessThanOrEqual(8);
        expect(Object.keys(series['models'] ?? {}).length).toBeLessThanOrEqual(6);
        for (const at of Object.values(series['events'] ?? {})) {
          expect(at).toBeGreaterThan(newest - horizonMs - HOUR_MS);
        }
      }),
    );
  });

  it('is a step that `forgets` foresees, and never of an event that it holds', () => {
    let forgotten = 0;
    fc.assert(
      fc.property(several, single, (whole, part) => {
        const isForgotten = forgets(whole, part, bounds);
        const merged = merge(whole, part);
        if (isForgotten) expect(merged).toEqual(whole);
        else if (!holds(whole, part)) expect(merged).not.toEqual(whole);
        expect(forgets(merge(part, whole), part, bounds) && holds(part, whole)).toBe(false);
        forgotten += isForgotten ? 1 : 0;
      }),
      { numRuns: 1_000 },
    );
    expect(forgotten).toBeGreaterThan(0);
  });

  it('is a step that `holds` foresees', () => {
    fc.assert(
      fc.property(several, single, (whole, part) => {
        if (holds(whole, part)) expect(merge(whole, part)).toEqual(whole);
      }),
    );
  });
});

it('keys sort by time and give the name back, whatever is in it', () => {
  expect(hourKey('a:b', 0) < hourKey('a', HOUR_MS)).toBe(true);
  expect(nameOf(hourKey('a:b', 0))).toBe('a:b');
  expect(nameOf(dayKey('T:m', 0))).toBe('T:m');
});

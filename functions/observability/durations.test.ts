import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bucketOf, quantileMs } from './durations.ts';

const bucketed = (all: readonly number[]) => {
  const buckets = new Map<number, number>();
  for (const ms of all) buckets.set(bucketOf(ms), (buckets.get(bucketOf(ms)) ?? 0) + 1);
  return buckets;
};

describe('a quantile', () => {
  it('is at most a fifth above the true one, and never below', () => {
    const ms = fc.integer({ min: 1, max: 600_000 });
    fc.assert(
      fc.property(fc.array(ms, { minLength: 1 }), fc.constantFrom(0.5, 0.95, 1), (all, share) => {
        const exact = [...all].sort((a, b) => a - b)[Math.ceil(share * all.length) - 1] ?? 0;
        const told = quantileMs(bucketed(all), share) ?? 0;
        expect(told).toBeGreaterThanOrEqual(Math.floor(exact));
        expect(told).toBeLessThanOrEqual(Math.ceil(exact * 1.2));
      }),
    );
  });

  it('of nothing is nothing, and of no time at all the first bucket', () => {
    expect(quantileMs(new Map(), 0.5)).toBeNull();
    expect(quantileMs(bucketed([0, 0.2, 1]), 0.95)).toBe(1);
    expect(bucketOf(1e12)).toBe(80);
  });
});

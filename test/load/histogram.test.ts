import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Histogram } from './histogram.ts';

const times = fc.array(fc.double({ min: 0, max: 3_600_000, noNaN: true }), { minLength: 1 });
const of = (values: readonly number[]): Histogram => {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
};

describe('a histogram', () => {
  it('knows every quantile to 1 % and a microsecond', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * values.length) - 1)] as number;
        expect(Math.abs(of(values).quantile(q) - exact)).toBeLessThanOrEqual(exact / 100 + 0.001);
      }),
    );
  });

  it('merged is the histogram of all', () => {
    fc.assert(
      fc.property(times, times, (here, there) => {
        const merged = of(here);
        merged.merge(new Histogram(of(there).counts));
        expect(merged.counts).toEqual(of([...here, ...there]).counts);
        expect(merged.count).toBe(here.length + there.length);
      }),
    );
  });

  it('of nothing has no quantile', () => {
    expect(new Histogram().quantile(0.5)).toBeNaN();
  });
});

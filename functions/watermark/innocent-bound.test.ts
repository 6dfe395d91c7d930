import { describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { THRESHOLDS } from './biased-code.ts';
import { InnocentBound } from './innocent-bound.ts';

/** Every sum that so few positions can give, with its exact probability. */
function distribution(evidence: Float32Array, classes: Uint8Array) {
  return Array.from({ length: 2 ** evidence.length }, (_, bits) => {
    let [sum, probability] = [0, 1];
    evidence.forEach((e, i) => {
      const p = (THRESHOLDS[classes[i] as number] as number) / 256;
      const isOne = (bits >>> i) & 1;
      sum += e * (isOne - p);
      probability *= isOne ? p : 1 - p;
    });
    return { sum, probability };
  });
}

describe('InnocentBound', () => {
  it('is never below what it bounds, and not far above', () => {
    const random = createRandom(1);
    for (let run = 0; run < 20; run++) {
      const evidence = Float32Array.from({ length: 12 }, () => random.normal());
      const classes = Uint8Array.from({ length: 12 }, () => random.below(16));
      const bound = new InnocentBound(evidence, classes);
      const all = distribution(evidence, classes);
      for (const deviations of [0.5, 1, 2, 3]) {
        const least = deviations * bound.deviation;
        const exact = all.reduce((p, one) => p + (one.sum >= least ? one.probability : 0), 0);
        const claimed = 10 ** bound.log10P(least);
        expect(claimed).toBeGreaterThanOrEqual(exact);
        if (deviations <= 2) expect(claimed).toBeLessThan(1);
      }
    }
  });

  it('says nothing of a leak that says nothing', () => {
    const bound = new InnocentBound(new Float32Array(64), new Uint8Array(64));
    expect(bound.log10P(0)).toBe(0);
    expect(bound.deviation).toBe(0);
  });
});

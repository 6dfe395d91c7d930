import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRandom } from '../../test/support/random.ts';
import { type Evidence, NO_EVIDENCE, strengthOf, withBatch } from './sequential-test.ts';

const HALTING = 100;

/** The number that goes wrong of so many, from one that does to the next. */
const binomial = (random: () => number, n: number, p: number) => {
  const gap = () => 1 + Math.floor(Math.log(1 - random()) / Math.log(1 - p));
  let bad = -1;
  for (let at = 0; at <= n; at += gap()) bad += 1;
  return bad;
};

interface Rollout {
  readonly rate: number;
  readonly ratio: number;
  /** Devices of the new version in a batch, and of the one before. */
  readonly batch: readonly [number, number];
  readonly batches: number;
}

/** After how many devices with the new version it is halted; undefined where it never is. */
function haltedAfter(random: () => number, { rate, ratio, batch, batches }: Rollout) {
  let evidence: Evidence = NO_EVIDENCE;
  for (let n = 1; n <= batches; n++) {
    // The rate of the day, and how many report, move: both versions alike.
    const today = rate * (0.5 + random());
    const [recent, before] = batch.map((size) => Math.ceil(size * (0.5 + random())));
    const of = (devices = 0, p: number) => ({ devices, bad: binomial(random, devices, p) });
    evidence = withBatch(evidence, of(recent, today * ratio), of(before, today));
    // Four other signals, each of which is as likely with both, count in the mean.
    if (strengthOf(evidence) / 5 + 0.8 >= HALTING) return n * batch[0];
  }
  return undefined;
}

function simulate(rollouts: number, rollout: Rollout) {
  const random = createRandom(7).next;
  const halted = Array.from({ length: rollouts }, () => haltedAfter(random, rollout));
  const devices = halted.filter((found) => found !== undefined).sort((a, b) => a - b);
  return { share: devices.length / rollouts, median: devices[Math.floor(devices.length / 2)] ?? 0 };
}

describe('the sequential test', () => {
  it('expects no more than it has where there is no difference: a martingale, for every margin', () => {
    const size = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(size, size, fc.double({ min: 0, max: 1, noNaN: true }), (n, m, share) => {
        const bad = Math.floor(share * (n + m));
        let expected = 0;
        let weight = 1;
        let all = 0;
        for (let x = Math.max(0, bad - m); x <= Math.min(bad, n); x++) {
          const strength = strengthOf(
            withBatch(NO_EVIDENCE, { devices: n, bad: x }, { devices: m, bad: bad - x }),
          );
          expected += weight * strength;
          all += weight;
          weight *= ((bad - x) * (n - x)) / ((x + 1) * (m - bad + x + 1));
        }
        expect(expected / all).toBeCloseTo(1, 9);
      }),
    );
  });

  it('halts at most one rollout in a hundred where there is no difference, however long it is watched', () => {
    const same = { rate: 0.02, ratio: 1, batches: 100 };
    for (const batch of [
      [50, 50],
      [25, 400],
      [400, 25],
    ] as const) {
      expect(simulate(300, { ...same, batch }).share).toBeLessThanOrEqual(0.01);
    }
  });

  it('halts a version that fails three times as often, and does not halt one that fails less', () => {
    const worse = { ratio: 3, batch: [100, 100], batches: 100 } as const;
    const rare = simulate(100, { ...worse, rate: 0.01 });
    const usual = simulate(100, { ...worse, rate: 0.05 });
    expect([rare.share, usual.share]).toEqual([1, 1]);
    expect(rare.median).toBeLessThan(3_000);
    expect(usual.median).toBeLessThan(700);
    expect(simulate(100, { ...worse, rate: 0.05, ratio: 0.5 }).share).toBe(0);
    // A fifth more is hardly ever a reason: ratios below two are not looked for.
    expect(simulate(100, { ...worse, rate: 0.05, ratio: 1.2 }).share).toBeLessThan(0.1);
  });

  it('learns nothing from a batch of one version, or without failures', () => {
    const strength = (recent: [number, number], before: [number, number]) =>
      strengthOf(
        withBatch(
          NO_EVIDENCE,
          { devices: recent[0], bad: recent[1] },
          { devices: before[0], bad: before[1] },
        ),
      );
    expect(strength([50, 20], [0, 0])).toBeCloseTo(1, 12);
    expect(strength([50, 0], [50, 0])).toBe(1);
    expect(strength([50, 50], [50, 50])).toBeCloseTo(1, 12);
    expect(strength([2_000, 200], [2_000, 10])).toBeGreaterThan(1e20);
  });
});

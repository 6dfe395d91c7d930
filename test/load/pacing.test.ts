import { describe, expect, it } from '@jest/globals';
import { FreePhones } from './free-phones.ts';
import { atPace, closedLoop, openLoop } from './pacing.ts';

describe('an open loop', () => {
  it('begins calls at their rate though none is ever answered before the end', async () => {
    const due: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const until = performance.now() + 50;
    // One millisecond between calls.
    const loop = openLoop(
      { ratePerSecond: 1000, until },
      (intendedAt) => {
        due.push(intendedAt);
        if (due.length === 50) resolve();
        return promise;
      },
      () => 1 - Math.exp(-1),
    );
    await loop;
    expect(due).toHaveLength(50);
    for (const [index, at] of due.entries()) {
      expect(at - (due[0] as number)).toBeCloseTo(index, 6);
    }
  });
});

describe('a closed loop', () => {
  it('has so many calls under way and never more', async () => {
    let underWay = 0;
    let most = 0;
    await closedLoop({ concurrency: 3, until: performance.now() + 20 }, async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise(setImmediate);
      underWay -= 1;
    });
    expect(most).toBe(3);
  });

  it('of no time calls nobody', async () => {
    let calls = 0;
    await atPace({ callers: 4 }, 0, async () => {
      calls += 1;
    });
    expect(calls).toBe(0);
  });
});

describe('free phones', () => {
  it('do one thing at a time and come back also after a failure', async () => {
    const phones = new FreePhones([1]);
    const failing = phones.with(async () => {
      throw new Error('refused');
    });
    const next = phones.with(async (phone) => phone);
    await expect(failing).rejects.toThrow('refused');
    await expect(next).resolves.toBe(1);
  });
});

import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { createRandom } from '../support/random.ts';
import { quantile } from '../support/statistics.ts';
import { figuresOf, simulate } from './figures.ts';
import { type Conduct, PLANS, THIEF_KINDS } from './plans.ts';
import { plotOf } from './plot.ts';
import { createQueue } from './queue.ts';

const book = { live: DEFAULT_RULES };
const size = { goodUsers: 40, thievesPerKind: 1, days: 26 };

it('is the same for the same seed, and another for another', () => {
  const small = { goodUsers: 20, thievesPerKind: 0, days: 5 };
  expect(simulate(book, small, 7)).toEqual(simulate(book, small, 7));
  expect(simulate(book, small, 8).events).not.toBe(simulate(book, small, 7).events);
});

describe.each([7, 8])('the rules in force, on seed %i', (seed) => {
  const result = simulate(book, size, seed);
  const of = (...conducts: readonly Conduct[]) =>
    result.thieves.filter(({ kind }) => conducts.includes(PLANS[kind].conduct));

  it('block no good user, whatever thieves say about him', () => {
    expect(result.good.filter(({ blocked }) => blocked)).toEqual([]);
    expect(result.good.map(({ traits }) => traits[0])).toContain('tester');
  });

  it('block every thief in a hurry before 10 models, and a patient one before 40', () => {
    for (const { kind, modelsBeforeBlock, hoursToBlock } of of('loud', 'slow')) {
      const most = PLANS[kind].conduct === 'loud' ? 9 : 39;
      expect({ kind, blocked: hoursToBlock !== undefined }).toEqual({ kind, blocked: true });
      expect({ kind, inTime: modelsBeforeBlock <= most }).toEqual({ kind, inTime: true });
    }
  });

  it('keep who comes back from a block from collecting on', () => {
    for (const { kind, modelsInAll } of of('loud', 'slow')) {
      expect({ kind, kept: modelsInAll < 60 }).toEqual({ kind, kept: true });
    }
  });

  it('leave nothing to who only makes noise', () => {
    for (const { modelsInAll } of of('barren')) expect(modelsInAll).toBeLessThanOrEqual(3);
    const farm = result.thieves.find(({ kind }) => kind === 'emulator-farm');
    expect(farm?.hoursToBlock).toBeDefined();
  });

  it('have figures for every kind', () => {
    const names = figuresOf([result]).map(({ name }) => name);
    expect(names).toContain('sim.false_block_rate');
    for (const kind of THIEF_KINDS) expect(names).toContain(`sim.models_before_block.p95.${kind}`);
    expect(plotOf([result])).toMatch(/^<svg .*<\/svg>\n$/);
  });
});

it('gives quantiles that are values', () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([3, 1, 2], 0.95)).toBe(3);
});

it('queues by time, then by arrival', () => {
  const queue = createQueue<number>();
  const random = createRandom(1);
  const times = Array.from({ length: 500 }, () => random.between(0, 50));
  for (const [order, at] of times.entries()) queue.push(at, order);
  const popped = times.map(() => queue.pop());
  const expected = times
    .map((at, item) => ({ at, item }))
    .sort((a, b) => a.at - b.at || a.item - b.item);
  expect(popped.map((entry) => [entry?.at, entry?.item])).toEqual(
    expected.map(({ at, item }) => [at, item]),
  );
  expect(queue.pop()).toBeUndefined();
});

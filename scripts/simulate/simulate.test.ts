import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { figuresOf, quantile, simulate } from './figures.ts';
import { plotOf } from './plot.ts';
import { createQueue } from './queue.ts';
import { createRandom } from './random.ts';
import { SLOW_KINDS, THIEF_KINDS } from './thieves.ts';

const size = { goodUsers: 60, thievesPerKind: 1, days: 20 };

describe('simulate', () => {
  const result = simulate({ live: DEFAULT_RULES }, size, 7);

  it('is the same for the same seed, and another for another', () => {
    expect(simulate({ live: DEFAULT_RULES }, size, 7)).toEqual(result);
    expect(simulate({ live: DEFAULT_RULES }, size, 8).events).not.toBe(result.events);
  });

  it('stops every kind of thief early, and no good user', () => {
    expect(result.good.filter(({ blocked }) => blocked)).toEqual([]);
    for (const { kind, modelsBeforeBlock } of result.thieves) {
      expect({ kind, models: modelsBeforeBlock < (SLOW_KINDS.includes(kind) ? 40 : 10) }).toEqual({
        kind,
        models: true,
      });
    }
  });

  it('names its figures for every kind', () => {
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

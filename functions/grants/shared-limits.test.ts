import { describe, expect, it } from '@jest/globals';
import { testEnvironment } from '../../test/support/environment.ts';
import { createRandom } from '../../test/support/random.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { loadConfig } from '../config.ts';
import { consumeShared, modelLimitPaths, sharedLimits } from './shared-limits.ts';

const now = new Date('2026-11-24T12:00:00.000Z');
const empty = { tat: now.getTime() + 60_000 };
const [limit] = sharedLimits(loadConfig(testEnvironment()).limits, 'smile', null, () => 0);

/** What is written or refused where the shards hold this, and the shards that were read for it. */
async function consumed(first: DocumentData | undefined, second: DocumentData | undefined) {
  const read: string[] = [];
  const getAll = async (paths: readonly string[]) => {
    read.push(...paths);
    return [second];
  };
  const outcome = await consumeShared({ getAll }, limit ? [limit] : [], [first], now).then(
    (writes) => writes.map(({ path }) => path),
    ({ code, reason }: { code: string; reason: string }) => [code, reason],
  );
  return { outcome, read };
}

describe('a shared limit', () => {
  it('reads a second shard only where the first has nothing left', async () => {
    expect(await consumed(undefined, undefined)).toEqual({
      outcome: ['limits/model_smile_0'],
      read: [],
    });
    expect(await consumed(empty, undefined)).toEqual({
      outcome: ['limits/model_smile_1'],
      read: ['limits/model_smile_1'],
    });
    expect(await consumed(empty, empty)).toEqual({
      outcome: ['rate_limited', 'model'],
      read: ['limits/model_smile_1'],
    });
  });

  it('has as many shards as it allows grants in a second: none takes more than a write a second', () => {
    const rates = { grantsPerModelMinute: 60_000, grantsPerNetworkMinute: 600 };
    const random = createRandom(7);
    const seconds = 20;
    const writes = new Map<string, number>();
    for (let grant = 0; grant < seconds * 1_000; grant += 1) {
      const [model] = sharedLimits(rates, 'smile', null, () => random.next());
      const path = model?.paths[0] ?? '';
      writes.set(path, (writes.get(path) ?? 0) + 1);
    }
    expect(writes.size).toBe(1_000);
    expect([...writes.keys()].sort()).toEqual([...modelLimitPaths(rates, 'smile')].sort());
    // Chance alone: a document in a million takes 45 where 20 are expected.
    expect(Math.max(...writes.values()) / seconds).toBeLessThan(2.25);
  });

  it('can be as low as its shards allow, and no lower', () => {
    const environment = testEnvironment();
    const modelsAt = (limit: string) =>
      loadConfig({ ...environment, GRANTS_PER_MODEL_MINUTE: limit }).limits;
    expect(() => modelsAt('255')).toThrow();
    const [lowest] = sharedLimits(modelsAt('256'), 'smile', null);
    expect(lowest?.policy.burst).toBeGreaterThanOrEqual(lowest?.policy.shards ?? Number.NaN);
  });
});

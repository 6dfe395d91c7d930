/**
 * What breaks at which rate of grants: docs/ops/scale.md is made from counted operations and from one table of
 * limits. `WRITE_DOCS=1 npm test -- test/capacity` writes it anew.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../functions/config.ts';
import { modelLimitPaths } from '../../functions/grants/shared-limits.ts';
import { GRANT_OPERATIONS } from '../../functions/operators/prices.ts';
import { testEnvironment } from '../support/environment.ts';
import { capacityPage } from './capacity-page.ts';
import { costLines } from './cost.ts';
import { LIMITS, type Load, shareTaken } from './limits.ts';
import { operationsOfAGrant, type Use } from './operations.ts';

const PAGE = join(import.meta.dirname, '../../docs/ops/scale.md');
const { limits } = loadConfig(testEnvironment());

let use: Use;
let load: Load;
beforeAll(async () => {
  use = await operationsOfAGrant();
  const modelShards = modelLimitPaths(limits, 'm').length;
  load = { grantsPerSecond: 1, sizeBytes: 250_000, use, modelShards };
}, 60_000);

describe('a grant', () => {
  it('takes of Google’s services what the page says, all functions together', () => {
    const none = { 'firestore deletes': 0, 'kms requests': 0, 'storage deletes': 0 };
    // The console multiplies a day's grants with the same.
    expect(use).toEqual({ ...GRANT_OPERATIONS, ...none });
  });
});

describe('the cost', () => {
  const costs = (grants: number, sizeBytes: number) => costLines({ grants, sizeBytes, use });
  const dollarsOf = (item: string, lines: ReturnType<typeof costs>) =>
    lines.find((line) => line.item === item)?.dollars;

  it('is what the operations are at their prices', () => {
    const million = costs(1e6, 28e6);
    expect(dollarsOf('Firestore, writes', million)).toBeCloseTo(use['firestore writes'] * 0.9);
    expect(dollarsOf('Cloud Storage, writes', million)).toBeCloseTo(5);
    expect(dollarsOf('delivery to phones', million)).toBeCloseTo((28e12 / 2 ** 30) * 0.12);
  });

  it('grows with the grants, and its delivery alone with the size beside the CPU', () => {
    const sum = (lines: ReturnType<typeof costs>) =>
      lines.reduce((total, { dollars }) => total + dollars, 0);
    expect(sum(costs(2e6, 1e6))).toBeCloseTo(2 * sum(costs(1e6, 1e6)));
    const changed = costs(1e6, 2e6).filter(
      ({ item, dollars }) => dollars !== dollarsOf(item, costs(1e6, 1e6)),
    );
    expect(changed.map(({ item }) => item)).toEqual([
      'Cloud Run, CPU and memory',
      'delivery to phones',
    ]);
  });
});

describe('updates', () => {
  const sum = (updates?: { share: number; patchShare: number }) =>
    costLines({ grants: 1e6, sizeBytes: 28e6, use, ...(updates && { updates }) }).reduce(
      (total, { dollars }) => total + dollars,
      0,
    );
  const delivered = (updates: { share: number; patchShare: number }) =>
    costLines({ grants: 1e6, sizeBytes: 28e6, use, updates }).find(
      ({ item }) => item === 'delivery to phones',
    )?.amount;

  it('are delivered by the bytes of their patches, and whole where these are too large to be sent', () => {
    expect(delivered({ share: 0, patchShare: 0.1 })).toBeCloseTo(28e12);
    expect(delivered({ share: 0.5, patchShare: 0.2 })).toBeCloseTo(28e12 * 0.6);
    expect(delivered({ share: 1, patchShare: 0.71 })).toBeCloseTo(28e12);
    expect(sum({ share: 1, patchShare: 0.71 })).toBeCloseTo(sum());
  });

  it('cost in proportion to their share, more processor and a read each, and less together', () => {
    const [none, half, all] = [0, 0.5, 1].map((share) => sum({ share, patchShare: 0.2 }));
    expect(half).toBeCloseTo((Number(none) + Number(all)) / 2, 6);
    expect(all).toBeLessThan(Number(none));
    const lines = (share: number) =>
      new Map(
        costLines({ grants: 1e6, sizeBytes: 28e6, use, updates: { share, patchShare: 0.2 } }).map(
          ({ item, amount }) => [item, amount],
        ),
      );
    const more = (item: string) => Number(lines(1).get(item)) - Number(lines(0).get(item));
    expect(more('Cloud Storage, reads')).toBeCloseTo(1e6);
    expect(more('Cloud Run, CPU and memory')).toBeGreaterThan(0);
  });
});

describe('the limits', () => {
  it('name where each was read', () => {
    for (const { source, read } of LIMITS) {
      expect(source).toMatch(/^(?:https:\/\/|infra\/)/);
      if (read !== null) expect(read).toMatch(/^\d{4}-\d\d-\d\d$/);
    }
  });

  it('are taken in proportion to the grants', () => {
    for (const limit of LIMITS) {
      const at = (grantsPerSecond: number) => shareTaken(limit, { ...load, grantsPerSecond });
      expect(at(1_000)).toBeCloseTo(1_000 * at(1), 6);
    }
  });

  it('are in the documentation as they are here', async () => {
    if (process.env['WRITE_DOCS']) await writeFile(PAGE, capacityPage(load));
    expect(await readFile(PAGE, 'utf8')).toBe(capacityPage(load));
  });
});

/**
 * What breaks at which rate of grants: docs/ops/scale.md is made from counted operations and from one table of
 * limits. `WRITE_DOCS=1 npm test -- test/capacity` writes it anew.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../functions/config.ts';
import { modelLimitPaths } from '../../functions/grants/shared-limits.ts';
import { testEnvironment } from '../support/environment.ts';
import { capacityPage } from './capacity-page.ts';
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
    expect(use).toEqual({
      'firestore reads': 17,
      'firestore writes': 8,
      'firestore deletes': 0,
      'kms requests': 0,
      'signed urls': 1,
      'storage class A': 1,
      'storage class B': 1,
      'storage deletes': 0,
      'pubsub messages': 2,
    });
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

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DocumentData } from '../cloud/documents.ts';
import { consumeSharded, type ShardedPolicy, shardPaths } from './sharded-limit.ts';

const start = Date.parse('2026-11-24T00:00:00Z');
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('shardPaths', () => {
  it('names two different shards of those there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fraction, fraction, (shards, a, b) => {
        const policy = { name: 'model', limit: 1, windowSeconds: 1, burst: 200, shards };
        const [first, second] = shardPaths(policy, 'limits/model_m', [a, b]);
        expect(first).not.toBe(second);
        for (const path of [first, second]) {
          const shard = Number(path?.split('_').at(-1));
          expect(shard).toBeGreaterThanOrEqual(0);
          expect(shard).toBeLessThan(shards);
        }
      }),
    );
  });

  it('names the one shard where there is but one', () => {
    const policy = { name: 'model', limit: 1, windowSeconds: 1, burst: 1, shards: 1 };
    expect(shardPaths(policy, 'limits/model_m', [0.9, 0.9])).toEqual(['limits/model_m_0']);
  });
});

describe('consumeSharded', () => {
  it('never allows more than the whole policy, whichever shards are drawn', () => {
    const policies = fc
      .record({
        limit: fc.integer({ min: 1, max: 500 }),
        windowSeconds: fc.integer({ min: 1, max: 60 }),
        burst: fc.integer({ min: 1, max: 40 }),
        shards: fc.integer({ min: 1, max: 8 }),
      })
      .filter(({ burst, shards }) => burst >= shards);
    const draws = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fraction, fraction), {
      maxLength: 150,
    });
    fc.assert(
      fc.property(policies, draws, (shape, requests) => {
        const policy: ShardedPolicy = { name: 'model', ...shape };
        const documents = new Map<string, DocumentData>();
        let at = start;
        let allowed = 0;
        for (const [gap, a, b] of requests) {
          at += gap;
          const drawn = shardPaths(policy, 'x', [a, b]).map((path) => ({
            path,
            data: documents.get(path),
          }));
          const { write } = consumeSharded(policy, drawn, new Date(at));
          if (!write) continue;
          documents.set(write.path, write.data);
          allowed += 1;
        }
        const most = policy.burst + (policy.limit * (at - start)) / (policy.windowSeconds * 1000);
        expect(allowed).toBeLessThanOrEqual(most);
      }),
    );
  });

  it('tries the second where the first is empty, and then says when to come back', () => {
    const policy = { name: 'model', limit: 2, windowSeconds: 10, burst: 2, shards: 2 };
    const now = new Date(start);
    const empty = { path: 'x_0', data: { tat: start + 10_000 } };
    const full = { path: 'x_1', data: undefined };
    expect(consumeSharded(policy, [empty, full], now).write?.path).toBe('x_1');
    expect(consumeSharded(policy, [empty], now)).toEqual({
      allowed: false,
      retryAfterSeconds: 10,
      write: undefined,
    });
  });

  it('refuses a policy that is split too thin', () => {
    const policy = { name: 'model', limit: 2, windowSeconds: 10, burst: 2, shards: 3 };
    expect(() => consumeSharded(policy, [], new Date(start))).toThrow(RangeError);
  });
});

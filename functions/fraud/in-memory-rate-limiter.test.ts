import { describe, expect, it } from '@jest/globals';
import { createInMemoryRateLimiter } from './in-memory-rate-limiter.ts';

const at = (seconds: number) => new Date(Date.parse('2026-11-24T00:00:00Z') + seconds * 1000);
const policy = { name: 'instance', limit: 60, windowSeconds: 60, burst: 3 };

describe('an in-memory rate limiter', () => {
  it('lets a caller through until he floods, and others all the while', () => {
    const { waitSeconds } = createInMemoryRateLimiter({ policy, maxCallers: 10 });
    expect([0, 0, 0, 0].map((second) => waitSeconds('a', at(second)))).toEqual([0, 0, 0, 1]);
    expect(waitSeconds('b', at(0))).toBe(0);
    expect(waitSeconds('a', at(1))).toBe(0);
  });

  it('keeps within its memory, and forgets first who was silent for longest', () => {
    const { waitSeconds } = createInMemoryRateLimiter({ policy, maxCallers: 2 });
    for (let i = 0; i < 3; i++) waitSeconds('a', at(0));
    for (let i = 0; i < 3; i++) waitSeconds('b', at(0));
    waitSeconds('c', at(0));
    expect(waitSeconds('b', at(0))).toBe(1);
    expect(waitSeconds('a', at(0))).toBe(0);
  });
});

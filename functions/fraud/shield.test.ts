import { describe, expect, it } from '@jest/globals';
import { createShield } from './shield.ts';

const at = (seconds: number) => new Date(Date.parse('2026-11-24T00:00:00Z') + seconds * 1000);
const policy = { name: 'instance', limit: 60, windowSeconds: 60, burst: 3 };
const shield = (maxCallers = 10) => createShield({ policy, maxCallers, maxTrustSeconds: 30 });

describe('a shield', () => {
  it('lets a caller through until he floods, and others all the while', () => {
    const { waitSeconds } = shield();
    expect([0, 0, 0, 0].map((second) => waitSeconds('a', at(second)))).toEqual([0, 0, 0, 1]);
    expect(waitSeconds('b', at(0))).toBe(0);
    expect(waitSeconds('a', at(1))).toBe(0);
  });

  it('remembers a block, for half a minute at most', () => {
    const { waitSeconds, remember } = shield();
    remember('a', at(3600), at(0));
    expect(waitSeconds('a', at(10))).toBe(20);
    expect(waitSeconds('a', at(30))).toBe(0);
    remember('b', at(5), at(0));
    expect(waitSeconds('b', at(5))).toBe(0);
  });

  it('keeps within its memory, and forgets first who was silent for longest', () => {
    const { waitSeconds, remember } = shield(2);
    remember('a', at(30), at(0));
    remember('b', at(30), at(0));
    waitSeconds('c', at(0));
    expect(waitSeconds('b', at(1))).toBe(29);
    expect(waitSeconds('a', at(1))).toBe(0);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DocumentInvalidError } from '../cloud/document-kind.ts';
import { limitPaths } from './limit-paths.ts';
import {
  consume,
  consumeAll,
  type LimitPolicy,
  type LimitState,
  limitDocument,
  limitState,
} from './limits.ts';

const start = Date.parse('2026-11-24T00:00:00Z');
const tenAMinute: LimitPolicy = { name: 'user', limit: 10, windowSeconds: 60, burst: 5 };
const policies = fc.record({
  name: fc.constant('p'),
  limit: fc.integer({ min: 1, max: 1000 }),
  windowSeconds: fc.integer({ min: 1, max: 3600 }),
  burst: fc.integer({ min: 1, max: 50 }),
});

it('does not punish for a clock that was ahead', () => {
  const policy = { name: 'x', limit: 10, windowSeconds: 60, burst: 5 };
  const now = new Date('2026-11-24T08:00:00Z');
  const ahead = { tat: now.getTime() + 365 * 86_400_000 };
  expect(consume(policy, ahead, now)).toMatchObject({ allowed: false, retryAfterSeconds: 6 });
});

describe('consume', () => {
  it('allows a burst, then one for each interval', () => {
    let state: LimitState | undefined;
    const ask = (seconds: number) => {
      const decision = consume(tenAMinute, state, new Date(start + seconds * 1000));
      state = decision.state;
      return decision;
    };
    expect([0, 0, 0, 0, 0].map((at) => ask(at).remaining)).toEqual([4, 3, 2, 1, 0]);
    expect(ask(0)).toMatchObject({ allowed: false, retryAfterSeconds: 6, resetSeconds: 30 });
    expect(ask(5.9).allowed).toBe(false);
    expect(ask(6).allowed).toBe(true);
    expect(ask(6).allowed).toBe(false);
    expect(ask(600)).toMatchObject({ allowed: true, remaining: 4 });
  });

  it('never allows more than burst + rate × time in any span', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(policies, gaps, (policy, gapsMs) => {
        let state: LimitState | undefined;
        let at = start;
        const allowed: number[] = [];
        for (const gap of gapsMs) {
          at += gap;
          const decision = consume(policy, state, new Date(at));
          state = decision.state;
          if (decision.allowed) allowed.push(at);
        }
        for (let first = 0; first < allowed.length; first += 1) {
          for (let last = first; last < allowed.length; last += 1) {
            const spanMs = (allowed[last] ?? 0) - (allowed[first] ?? 0);
            const most = policy.burst + (policy.limit * spanMs) / (policy.windowSeconds * 1000);
            expect(last - first + 1).toBeLessThanOrEqual(most);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is exact about when to come back', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 0, max: 60_000 }), (policy, waitMs) => {
        let decision = consume(policy, undefined, new Date(start));
        while (decision.allowed) decision = consume(policy, decision.state, new Date(start));
        const refused = consume(policy, decision.state, new Date(start + waitMs));
        if (refused.allowed) return;
        const back = new Date(start + waitMs + refused.retryAfterSeconds * 1000);
        expect(refused.retryAfterSeconds).toBeGreaterThan(0);
        expect(consume(policy, refused.state, back).allowed).toBe(true);
      }),
    );
  });

  it('never allows what costs more than the burst', () => {
    const decision = consume(tenAMinute, undefined, new Date(start), 6);
    expect(decision).toMatchObject({ allowed: false, retryAfterSeconds: Number.POSITIVE_INFINITY });
  });

  it('treats a clock that went back as more waiting, never as more room', () => {
    const used = consume(tenAMinute, undefined, new Date(start), 5).state;
    expect(consume(tenAMinute, used, new Date(start - 60_000)).allowed).toBe(false);
  });
});

describe('consumeAll', () => {
  const device: LimitPolicy = { name: 'device', limit: 20, windowSeconds: 60, burst: 20 };
  const now = new Date(start);
  const spent = limitDocument(consume(tenAMinute, undefined, now, 5).state);

  it('spends one of each policy', () => {
    const decision = consumeAll(
      [
        { policy: tenAMinute, path: limitPaths.userGrants('u'), data: undefined },
        { policy: device, path: limitPaths.deviceGrants('d'), data: undefined },
      ],
      now,
    );
    expect(decision.allowed).toBe(true);
    expect(decision.writes).toEqual([
      { path: 'limits/user_u', data: { tat: start + 6000, expireAt: new Date(start + 6000) } },
      { path: 'limits/device_d', data: { tat: start + 3000, expireAt: new Date(start + 3000) } },
    ]);
    expect(decision.headers).toEqual({
      'RateLimit-Policy': '"user";q=10;w=60, "device";q=20;w=60',
      RateLimit: '"user";r=4;t=6, "device";r=19;t=3',
    });
  });

  it('spends nothing if one refuses', () => {
    const decision = consumeAll(
      [
        { policy: device, path: limitPaths.deviceGrants('d'), data: undefined },
        { policy: tenAMinute, path: limitPaths.userGrants('u'), data: spent },
      ],
      now,
    );
    expect(decision).toMatchObject({
      allowed: false,
      refusedBy: tenAMinute,
      retryAfterSeconds: 6,
      writes: [],
    });
  });
});

describe('limitState', () => {
  it('reads back what limitDocument wrote', () => {
    expect(limitState(limitDocument({ tat: 12.5 }))).toEqual({ tat: 12.5 });
    expect(limitState(undefined)).toBeUndefined();
  });

  it.each([{}, { tat: 'x' }, { tat: Number.NaN }, { tat: null }])(
    'refuses %j rather than leaving the limit open',
    (data) => {
      expect(() => limitState(data)).toThrow(DocumentInvalidError);
    },
  );
});

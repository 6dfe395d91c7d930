import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { testEnvironment } from '../../test/support/environment.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { loadConfig } from '../config.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { DAY_MS } from '../time.ts';
import { consumeQuota, planOf } from './quota.ts';

const PLANS = {
  default: { grantsPerDay: 3, modelsPerDay: 2 },
  pro: { grantsPerDay: 5, modelsPerDay: 4 },
};
const NOON = Date.parse('2026-11-24T12:00:00Z');

describe('a quota', () => {
  it('never gives more in a day than the plan says, and begins anew at midnight', () => {
    const asked = fc.record({ model: fc.integer({ min: 0, max: 6 }), minutes: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 60 }), (requests) => {
        let data: DocumentData | undefined;
        let now = NOON;
        const given = new Map<string, string[]>();
        for (const { model, minutes } of requests) {
          now += minutes * 60_000;
          const day = new Date(now).toISOString().slice(0, 10);
          try {
            data = consumeQuota(PLANS.default, data, `m${model}`, new Date(now)).document;
            given.set(day, [...(given.get(day) ?? []), `m${model}`]);
          } catch {
            const today = given.get(day) ?? [];
            const isNew = !today.includes(`m${model}`);
            expect(today.length === 3 || (isNew && new Set(today).size === 2)).toBe(true);
          }
        }
        for (const models of given.values()) {
          expect(models.length).toBeLessThanOrEqual(3);
          expect(new Set(models).size).toBeLessThanOrEqual(2);
        }
      }),
    );
  });

  it('is not won back by who was dated before midnight and comes after it', () => {
    const midnight = NOON + 12 * 3_600_000;
    let data: DocumentData | undefined;
    const ask = (at: number) => {
      data = consumeQuota(PLANS.default, data, 'm', new Date(at)).document;
    };
    for (let n = 0; n < 3; n++) ask(midnight);
    expect(() => ask(midnight - 1)).toThrow('quota_exceeded');
    expect(() => ask(midnight + 1)).toThrow('quota_exceeded');
  });

  it('says what is left and when it begins anew', () => {
    const { headers } = consumeQuota(PLANS.pro, undefined, 'm', new Date(NOON));
    expect(headers).toEqual({
      'RateLimit-Policy': '"day-grants";q=5;w=86400, "day-models";q=4;w=86400',
      RateLimit: '"day-grants";r=4;t=43200, "day-models";r=3;t=43200',
    });
  });

  it('is that of the default plan for a plan that nobody knows', () => {
    expect(planOf(PLANS, 'pro')).toBe(PLANS.pro);
    for (const claimed of [null, 'gold', '__proto__', 'toString']) {
      expect(planOf(PLANS, claimed)).toBe(PLANS.default);
    }
  });

  it.each([
    ['{}', /default/],
    ['{"default":{"grantsPerDay":0,"modelsPerDay":1}}', /grantsPerDay/],
    ['{"default":{"grantsPerDay":1,"modelsPerDay":5000}}', /modelsPerDay/],
    ['nonsense', /JSON/],
  ])('is not taken from %s', (text, words) => {
    expect(() => loadConfig({ ...testEnvironment(), PLANS: text })).toThrow(words);
  });
});

describe('grants', () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await startApi({ PLANS: JSON.stringify(PLANS), PLAN_CLAIM: 'tier' });
    for (const id of ['a', 'b', 'c', 'd']) {
      await api.publish(id, randomBytes(2_000), { format: 'opaque' });
    }
  });
  afterAll(() => api.close());

  const phoneOf = (user: string, claims: Record<string, unknown>) =>
    new ModelSealClient({
      api: new ApiClient({
        baseUrl: api.baseUrl,
        userToken: () => api.idp.token(user, { claims }),
      }),
      platform: api.phone(user).platform,
      enrolments: memoryEnrolmentStore(),
      crypto: nodeCrypto,
      retry: { retries: 0, baseDelayMs: 1, maxDelayMs: 1 },
    });

  it('end with the quota of the default plan, and say until when', async () => {
    const phone = phoneOf('fred', { tier: ['pro'] });
    await phone.grant('a');
    await phone.grant('b');
    const refusal = await phone.grant('c').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'quota_exceeded', status: 429, advice: undefined });
    const midnight = Math.ceil(Date.now() / DAY_MS) * 86_400 - Date.now() / 1000;
    const wait = (refusal as { retryAfterSeconds: number }).retryAfterSeconds;
    expect(Math.abs(wait - midnight)).toBeLessThan(120);
    await phone.grant('a');
    await expect(phone.grant('a')).rejects.toMatchObject({ code: 'quota_exceeded' });
  });

  it('go on for who has paid for more, by a claim of the verified token', async () => {
    const phone = phoneOf('paula', { tier: 'pro' });
    for (const id of ['a', 'b', 'c', 'd']) await phone.grant(id);
    await phone.grant('a');
    await expect(phone.grant('a')).rejects.toMatchObject({ code: 'quota_exceeded' });
  });
});

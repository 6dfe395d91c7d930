import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { DAY_MS } from '../time.ts';
import { failGrant } from './fail-grant.ts';
import { consumeQuota, returnQuota } from './quota.ts';

const PLAN = { grantsPerDay: 3, modelsPerDay: 2 };
const NOON = Date.parse('2026-11-24T12:00:00Z');

describe('a quota to which failures of ours give back', () => {
  it('never hands out more in a day than the plan says, whatever fails and whenever that is noticed', () => {
    const step = fc.record({
      model: fc.nat(4),
      minutes: fc.nat(300),
      fails: fc.boolean(),
      // How many steps later the failure is noticed.
      after: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let data: DocumentData | undefined;
        let now = NOON;
        const open: { at: Date; dueAt: number }[] = [];
        const handedOut = new Map<string, string[]>();
        for (const [index, { model, minutes, fails, after }] of steps.entries()) {
          now += minutes * 60_000;
          for (const { at } of open.filter(({ dueAt }) => dueAt === index)) {
            data = returnQuota(data, at) ?? data;
          }
          try {
            const at = new Date(now);
            data = consumeQuota(PLAN, data, `m${model}`, at).document;
            if (fails) open.push({ at, dueAt: index + 1 + after });
            else {
              const day = at.toISOString().slice(0, 10);
              handedOut.set(day, [...(handedOut.get(day) ?? []), `m${model}`]);
            }
          } catch (error) {
            expect(error).toMatchObject({ code: 'quota_exceeded' });
          }
        }
        for (const models of handedOut.values()) {
          expect(models.length).toBeLessThanOrEqual(PLAN.grantsPerDay);
          expect(new Set(models).size).toBeLessThanOrEqual(PLAN.modelsPerDay);
        }
      }),
    );
  });

  it('gets back a grant of its own day, and neither the model nor anything of another day', () => {
    const at = new Date(NOON);
    const data = consumeQuota(PLAN, undefined, 'a', at).document;
    expect(returnQuota(data, at)).toEqual({ ...data, grants: 0 });
    expect(returnQuota(data, new Date(NOON - DAY_MS))).toBeUndefined();
    expect(returnQuota(data, new Date(NOON + DAY_MS))).toBeUndefined();
    expect(returnQuota(undefined, at)).toBeUndefined();
    expect(returnQuota({ ...data, grants: 0 }, at)).toBeUndefined();
  });
});

describe('a grant whose sealing fails', () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await startApi({ PLANS: JSON.stringify({ default: PLAN }) });
    await api.publish('smile', randomBytes(2_000), { format: 'opaque' });
  });
  afterAll(() => api.close());

  const quotaOf = async (user: string) =>
    (await api.clients.documents.get(limitPaths.userQuota(api.userId(user))))?.['grants'];
  const grantsOf = async (user: string) =>
    (
      await api.clients.documents.query({
        collection: 'grants',
        where: [['user', '==', api.userId(user)]],
        limit: 10,
      })
    ).map(({ data }) => data);
  /** The grant of a user while Cloud Storage answers reads like this. */
  async function whileReading<T>(read: typeof api.clients.objects.read, work: () => Promise<T>) {
    const { objects } = api.clients;
    const works = objects.read;
    objects.read = read;
    try {
      return await work();
    } finally {
      objects.read = works;
    }
  }
  const out = () => {
    throw new UpstreamError('storage', 'read');
  };

  it('by a service of ours that is away is given back to the quota, and not to the rates', async () => {
    const phone = api.phone('alice');
    await phone.enrol();
    await whileReading(out, async () => {
      for (let n = 0; n < 3; n += 1) {
        await expect(phone.grant('smile')).rejects.toMatchObject({ code: 'unavailable' });
      }
    });
    expect(await quotaOf('alice')).toBe(0);
    expect((await grantsOf('alice')).map(({ state }) => state)).toEqual(Array(3).fill('failed'));
    const rate = await api.clients.documents.get(`limits/user_${api.userId('alice')}`);
    expect(Number(rate?.['tat'])).toBeGreaterThan(Date.now());
    for (let n = 0; n < 3; n += 1) await phone.grant('smile');
    await expect(phone.grant('smile')).rejects.toMatchObject({ code: 'quota_exceeded' });
  });

  it('is given back once, and to nobody who was forgotten', async () => {
    const phone = api.phone('bob');
    const { grantId } = await phone.grant('smile');
    const path = `grants/${grantId}`;
    await phone.grant('smile');
    const grant = { grantId, userId: api.userId('bob') };
    await Promise.all([1, 2, 3].map(() => failGrant(api.clients.documents, grant, true)));
    expect(await quotaOf('bob')).toBe(1);

    const failed = await api.clients.documents.get(path);
    await api.clients.documents.set(path, { ...failed, state: 'granted' });
    await api.clients.documents.delete(limitPaths.userQuota(grant.userId));
    await failGrant(api.clients.documents, grant, true);
    expect(await quotaOf('bob')).toBeUndefined();
    await api.clients.documents.set(path, { grantId, state: 'erased' });
    await failGrant(api.clients.documents, grant, true);
    expect(await api.clients.documents.get(path)).toEqual({ grantId, state: 'erased' });
  });

  it('by anything else stays counted', async () => {
    const phone = api.phone('carol');
    await phone.enrol();
    await whileReading(
      () => {
        throw new TypeError('a fault of the code');
      },
      () => expect(phone.grant('smile')).rejects.toMatchObject({ code: 'internal' }),
    );
    expect(await quotaOf('carol')).toBe(1);
    expect(await grantsOf('carol')).toMatchObject([{ state: 'failed' }]);
  });
});

describe('a caller who goes away', () => {
  it('gets nothing back: his grant is sealed to its end', async () => {
    const gone = new AbortController();
    const api = await startApi();
    try {
      await api.publish('smile', randomBytes(2_000), { format: 'opaque' });
      const { objects, documents } = api.clients;
      const { read } = objects;
      const isRead = Promise.withResolvers<void>();
      const mayGoOn = Promise.withResolvers<void>();
      objects.read = async function* (...place: Parameters<typeof read>) {
        isRead.resolve();
        await mayGoOn.promise;
        yield* read(...place);
      };
      const phone = new ModelSealClient({
        api: new ApiClient({
          baseUrl: api.baseUrl,
          userToken: () => api.idp.token('dave'),
          fetch: (url, init) => fetch(url, { ...init, signal: gone.signal }),
        }),
        platform: api.phone('dave').platform,
        enrolments: memoryEnrolmentStore(),
        crypto: nodeCrypto,
        retry: { retries: 0, baseDelayMs: 1, maxDelayMs: 1 },
      });
      const asking = expect(phone.grant('smile')).rejects.toThrow();
      await isRead.promise;
      gone.abort();
      await asking;
      mayGoOn.resolve();
      const sealed = () => api.logs.some((line) => line.includes('grant sealed'));
      while (!sealed()) await new Promise(setImmediate);
      const quota = await documents.get(limitPaths.userQuota(api.userId('dave')));
      expect(quota).toMatchObject({ grants: 1, models: ['smile'] });
    } finally {
      await api.close();
    }
  });
});

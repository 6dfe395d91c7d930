import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import { DAY_MS } from '../time.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const exportOf = async (user: string) =>
  fetch(`${api.baseUrl}/v1/me`, {
    headers: { Authorization: `Bearer ${await api.idp.token(user)}` },
  });

describe('GET /v1/me', () => {
  it('answers a user ten times a day, and others as before', async () => {
    for (let n = 0; n < 10; n += 1) {
      const response = await exportOf('alice');
      expect(response.status).toBe(200);
      expect(response.headers.get('ratelimit')).toMatch(new RegExp(`^"exports";r=${9 - n};`));
    }
    const refused = await exportOf('alice');
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(8_000);
    expect(seconds).toBeLessThanOrEqual(8_640);
    expect(refused.headers.get('ratelimit-policy')).toBe('"exports";q=10;w=86400');
    expect(await refused.json()).toMatchObject({ code: 'rate_limited' });
    expect((await exportOf('bob')).status).toBe(200);
  });

  it('reads nothing more once it refuses', async () => {
    const path = limitPaths.userExports(api.userId('carol'));
    await api.clients.documents.set(path, { tat: Date.now() + 10 * DAY_MS });
    const { query } = api.clients.documents;
    const asked: string[] = [];
    api.clients.documents.query = (what) => {
      asked.push(what.collection);
      return query(what);
    };
    expect((await exportOf('carol')).status).toBe(429);
    api.clients.documents.query = query;
    expect(asked).toEqual([]);
  });

  it('counts each of many calls at once', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => exportOf('dave')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(15);
  });
});

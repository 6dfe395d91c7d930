/** The challenge for a grant that comes with an answer: Next-Challenge. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { phoneClient } from '../../test/support/app-phone.ts';

let api: ApiHarness;
let passedMs = 0;
beforeAll(async () => {
  api = await startApi({}, (services) => ({
    ...services,
    now: () => new Date(Date.now() + passedMs),
  }));
  await api.publish('smile', Buffer.from('weights'), { format: 'opaque' });
});
afterAll(() => api.close());

/** A new user's phone, and the calls that it makes: method, path, and whether a challenge came back. */
async function phone(user: string, { retries = 3 } = {}) {
  const token = await api.idp.token(user);
  const calls: string[] = [];
  const { client } = phoneClient({
    baseUrl: api.baseUrl,
    platform: api.phone(user).platform,
    userToken: async () => token,
    retry: { retries, baseDelayMs: 1, maxDelayMs: 10_000 },
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const path = new URL(String(input)).pathname.replace(/[gd]_[\w-]+/, ':id');
      const mark = response.headers.has('next-challenge') ? ' +' : '';
      calls.push(`${path} ${response.status}${mark}`);
      return response;
    },
  });
  return { client, calls, since: () => calls.splice(0) };
}

const CHALLENGE = '/v1/challenges 201';
const GRANT = '/v1/models/smile/grants 201 +';

describe('a challenge that came with an answer', () => {
  it('saves the round trip of every grant after an enrolment, a grant and a report', async () => {
    const { client, since } = await phone('ann');
    await client.enrol();
    expect(since()).toEqual([CHALLENGE, '/v1/devices 201 +']);
    await client.grant('smile');
    await client.grant('smile');
    expect(since()).toEqual([GRANT, GRANT]);
    await client.report([]);
    await client.grant('smile');
    expect(since()).toEqual([CHALLENGE, '/v1/events 202 +', GRANT]);
  });

  it('is for grants alone, and there is one for one of two grants at once', async () => {
    const { client, since } = await phone('ben');
    await client.enrol();
    since();
    await client.report([]);
    expect(since()).toEqual([CHALLENGE, '/v1/events 202 +']);
    await Promise.all([client.grant('smile'), client.grant('smile')]);
    expect(since().toSorted()).toEqual([CHALLENGE, GRANT, GRANT]);
  });

  it('is replaced by a fresh one where the service refuses it', async () => {
    const { client, since } = await phone('cleo');
    await client.enrol();
    since();
    // The phone's clock stands still meanwhile, as in a long sleep.
    passedMs += 301_000;
    await client.grant('smile');
    expect(since()).toEqual(['/v1/models/smile/grants 403', CHALLENGE, GRANT]);
  });

  it('comes with no refusal, and no list', async () => {
    const { client, since } = await phone('dora', { retries: 0 });
    await client.enrol();
    since();
    await expect(client.grant('none')).rejects.toThrow('model_unknown');
    expect(since()).toEqual(['/v1/models/none/grants 404']);
    const headers = { Authorization: `Bearer ${await api.idp.token('dora')}` };
    const list = await fetch(new URL('/v1/models', api.baseUrl), { headers });
    expect(list.headers.has('next-challenge')).toBe(false);
  });
});

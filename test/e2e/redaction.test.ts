/** No log line of a whole story holds a key, a token, an address, a URL, or who somebody is. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../support/api-harness.ts';
import { testEnvironment } from '../support/environment.ts';

const ADDRESS = '203.0.113.77';
const USER = 'alice-who-must-not-be-named';

let api: ApiHarness;
/** What must not be found, by its name. */
const secret: Record<string, string> = { address: ADDRESS, 'user id': USER };

beforeAll(async () => {
  api = await startApi();
  await api.publish('smile', randomBytes(20_000), { format: 'opaque' });
  await api.publish('own', randomBytes(20_000), { format: 'opaque', owner: api.userId('owner') });

  const phone = api.phone(USER);
  await phone.enrol();
  const grant = await phone.grant('smile');
  await phone.report([{ type: 'rasp.signal', cause: 'hook' }], [grant.grantId]);
  await expect(phone.grant('own')).rejects.toThrow();

  const token = await api.idp.token(USER);
  const call = (path: string, body: string, authorization = `Bearer ${token}`) =>
    fetch(new URL(path, api.baseUrl), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: authorization,
        'X-Forwarded-For': ADDRESS,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
      body,
    });
  const answer = await call('/v1/challenges', '{"purpose":"events"}');
  const { challenge } = (await answer.json()) as { challenge: string };
  await call('/v1/challenges', '{"purpose":"events"}', `Bearer ${token}x`);
  await call('/v1/challenges', `{"${challenge}":`);
  await call(`/v1/models/smile/grants`, JSON.stringify({ clientData: challenge, proof: token }));
  await call(`/v1/models/${USER}/grants`, '{}');
  // Something that nobody expected, with a secret in its message.
  const broken = api.services.documents.transaction;
  Object.assign(api.services.documents, {
    transaction: async () => Promise.reject(new Error(`${token} ${challenge} ${ADDRESS}`)),
  });
  await expect(phone.grant('smile')).rejects.toThrow();
  Object.assign(api.services.documents, { transaction: broken });
  await api.clients.publisher.idle();

  const { CHALLENGE_SECRET = '', PSEUDONYM_SECRET = '' } = testEnvironment();
  Object.assign(secret, {
    token,
    'token payload': token.split('.')[1],
    'token signature': token.split('.')[2],
    challenge,
    'signed URL': grant.url,
    'URL signature': new URL(grant.url).searchParams.get('X-Goog-Signature') ?? grant.url,
    'sealed key': grant.sealedKey.ct,
    licence: grant.licence.split('.')[2],
    manifest: grant.manifest.split('.')[2],
    'recipient key': Buffer.from(grant.recipientKey.publicKey).toString('base64url'),
    'challenge secret': CHALLENGE_SECRET,
    'pseudonym secret': PSEUDONYM_SECRET,
  });
});
afterAll(() => api.close());

describe('the log', () => {
  it('says something about each call, in one JSON object a line', () => {
    expect(api.logs.length).toBeGreaterThan(10);
    for (const line of api.logs) {
      expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true);
      expect(JSON.parse(line)).toMatchObject({
        severity: expect.any(String),
        time: expect.any(String),
      });
    }
    const requests = api.logs.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(requests.filter(({ requestId }) => requestId)).not.toHaveLength(0);
    expect(requests.some((line) => line['logging.googleapis.com/trace'])).toBe(true);
    expect(requests.some(({ error }) => error === 'Error')).toBe(true);
  });

  it('holds no secret, address or name', () => {
    const log = api.logs.join('');
    const found = Object.entries(secret).filter(
      ([, value]) => value.length > 5 && log.includes(value),
    );
    expect(found.map(([name]) => name)).toEqual([]);
  });

  it('holds nothing that looks like one', () => {
    const log = api.logs.join('').replaceAll(/"stack":"[^"]*"/g, '');
    expect(log).not.toMatch(/eyJ[\w-]{10,}/);
    expect(log).not.toMatch(/X-Goog-|Bearer |PRIVATE KEY|https?:\/\//);
    expect(log).not.toMatch(/\b(?!0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}\b/);
    expect(log).not.toMatch(/[\w.]+@[\w.]+\.\w+/);
  });

  it('would be caught: the search finds what is planted', () => {
    const log = `${api.logs.join('')}{"oops":"${ADDRESS}"}`;
    expect(log).toContain(ADDRESS);
    expect(log).toMatch(/\b(?!0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}\b/);
  });
});

describe('the events', () => {
  it('hold no address, token or user id either', () => {
    const events = JSON.stringify(api.events);
    const found = Object.entries(secret).filter(
      ([, value]) => value.length > 5 && events.includes(value),
    );
    expect(found.map(([name]) => name)).toEqual([]);
  });
});

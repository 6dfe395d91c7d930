import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const token = async () => ({ authorization: `Bearer ${await api.idp.token('alice')}` });

describe('the headers of an answer', () => {
  it.each([
    ['a list', 'GET', '/v1/models', 200, 'application/json', 'private, no-cache'],
    ['keys, which are public', 'GET', '/v1/keys', 200, 'application/json', 'public, max-age=3600'],
    ['what is held about a user', 'GET', '/v1/me', 200, 'application/json', 'no-store'],
    ['an unknown path', 'GET', '/v1/<b>', 404, 'application/problem+json', 'no-store'],
    ['a wrong method', 'PUT', '/v1/models', 405, 'application/problem+json', 'no-store'],
    ['a missing body', 'POST', '/v1/challenges', 415, 'application/problem+json', 'no-store'],
  ])('%s: says what the body is, and lets nobody keep or reinterpret it', async (...row) => {
    const [, method, path, status, type, caching] = row;
    const headers = { ...(await token()), origin: 'https://evil.example' };
    const response = await fetch(new URL(path, api.baseUrl), { method, headers });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe(caching);
    expect(response.headers.get('strict-transport-security')).toMatch(/^max-age=31536000/);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(response.headers.get('request-id')).toBeTruthy();
    expect(typeof (await response.json())).toBe('object');
  });
});

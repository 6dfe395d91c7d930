/** A full instance, from outside. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { createConcurrencyLimiter } from './concurrency-limiter.ts';

const concurrencyLimiter = createConcurrencyLimiter({ slots: 1, random: Math.random });
let api: ApiHarness;
beforeAll(async () => {
  api = await startApi({}, (services) => Object.assign(services, { concurrencyLimiter }));
});
afterAll(() => api.close());

const challenge = async (headers: Record<string, string> = {}) =>
  fetch(`${api.baseUrl}/v1/challenges`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: '{"purpose":"model.grant"}',
  });
const signedIn = async () => ({ Authorization: `Bearer ${await api.idp.token('alice')}` });

/** Fills the instance while `work` runs. */
async function whileFull<T>(work: () => Promise<T>): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = Array.from({ length: 3 }, () => concurrencyLimiter.run(() => promise));
  try {
    return await work();
  } finally {
    resolve();
    await Promise.all(held);
  }
}

describe('a full instance', () => {
  it('refuses with 503 and Retry-After, before it looks at token or body', async () => {
    const response = await whileFull(() => challenge({ Authorization: 'Bearer none' }));
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const problem = (await response.json()) as { retryAfterSeconds: number };
    expect(problem).toMatchObject({ code: 'overloaded', advice: 'retry' });
    expect(response.headers.get('retry-after')).toBe(String(problem.retryAfterSeconds));
    expect(problem.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(problem.retryAfterSeconds).toBeLessThanOrEqual(5);
  });

  it('still says that it is healthy', async () => {
    const response = await whileFull(() => fetch(`${api.baseUrl}/health/test`));
    expect(response.status).toBe(200);
  });

  it('writes one line for many refusals', async () => {
    const lines = () => api.logs.filter((line) => line.includes('"message":"overloaded"')).length;
    await whileFull(() => Promise.all(Array.from({ length: 20 }, () => challenge())));
    expect(lines()).toBe(1);
  });

  it('closes a connection whose body it will not read', async () => {
    const connection = await whileFull(async () => {
      const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
      const sent = request(`${api.baseUrl}/v1/events`, { method: 'POST' });
      sent.once('response', ({ headers }) => resolve(headers.connection));
      sent.once('error', reject);
      // Chunked: nobody knows how much is still to come.
      sent.write('{');
      const closing = await promise;
      sent.destroy();
      return closing;
    });
    expect(connection).toBe('close');
  });

  it('serves again when it is not full any more', async () => {
    await whileFull(() => challenge());
    expect((await challenge(await signedIn())).status).toBe(201);
  });

  it('keeps no slot for callers that went away or were refused', async () => {
    const headers = { 'Content-Type': 'application/json', ...(await signedIn()) };
    for (let round = 0; round < 10; round++) {
      const sent = request(`${api.baseUrl}/v1/challenges`, { method: 'POST', headers });
      sent.once('error', () => undefined);
      sent.end('{"purpose":"model.grant"}', () => sent.destroy());
      expect((await challenge()).status).toBe(401);
    }
    expect((await challenge(headers)).status).toBe(201);
  });
});

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { ANSWERS } from './answers.ts';
import { openApiDocument } from './document.ts';
import { apiPage } from './page.ts';

describe('the pages of the API', () => {
  it('are what the code says: run npm run docs', async () => {
    const document = await openApiDocument(
      JSON.parse(await readFile('package.json', 'utf8')).version,
    );
    expect(JSON.parse(await readFile('docs/api/openapi.json', 'utf8'))).toEqual(document);
    expect(await readFile('docs/api/index.html', 'utf8')).toBe(apiPage(document));
  });

  it('load nothing from anywhere', async () => {
    const page = await readFile('docs/api/index.html', 'utf8');
    expect(page).not.toMatch(/<script|<link|src=|@import|url\(/);
  });
});

describe('the answers', () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await startApi();
    await api.publish('smile', randomBytes(10_000), { format: 'opaque' });
  });
  afterAll(() => api.close());

  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(new URL(path, api.baseUrl), {
      method,
      headers: {
        Authorization: `Bearer ${await api.idp.token('alice')}`,
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(ANSWERS[`${method} ${path}`]?.status);
    return response.json();
  };

  it('to calls without a device are as described', async () => {
    const answers = {
      'POST /v1/challenges': await call('POST', '/v1/challenges', { purpose: 'events' }),
      'GET /v1/models': await call('GET', '/v1/models'),
      'GET /v1/keys': await call('GET', '/v1/keys'),
    };
    for (const [route, answer] of Object.entries(answers)) {
      expect([route, ANSWERS[route]?.answer.safeParse(answer).error]).toEqual([route, undefined]);
    }
  });

  it('to a grant is as described', async () => {
    const {
      deviceId: _id,
      device: _device,
      recipientKey: _key,
      ...answer
    } = await api.phone('alice').grant('smile');
    const parsed = ANSWERS['POST /v1/models/:modelId/grants']?.answer.safeParse(answer);
    expect(parsed?.error).toBeUndefined();
  });
});

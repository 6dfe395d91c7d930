import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { TEST_URL_KEY } from '../../test/support/url-keys.ts';
import { urlDay } from '../grants/signed-url.ts';
import { urlKeyPath } from '../grants/url-keys.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('POST /internal/url-keys', () => {
  it('leaves a key for today, and tells nobody what it derives from', async () => {
    const response = await fetch(`${api.baseUrl}/internal/url-keys`, { method: 'POST' });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({});
    const today = await api.clients.documents.get(urlKeyPath(urlDay(new Date())));
    expect(today).toMatchObject({ accessId: TEST_URL_KEY.accessId });
    const [line = ''] = api.logs.filter((each) => each.includes('URL keys renewed'));
    expect(line).toContain(TEST_URL_KEY.accessId);
    expect(line).not.toContain(TEST_URL_KEY.secret);
  });
});

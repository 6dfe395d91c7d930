import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';

let api: ApiHarness;
const MODEL = Buffer.from('a model');

beforeAll(async () => {
  api = await startApi();
  await api.publish('smile', MODEL, { format: 'opaque' });
  await api.publish('own', MODEL, { format: 'opaque', owner: api.userId('owner') });
});
afterAll(() => api.close());

describe('the list of models', () => {
  it('lists the catalogue to all and a personal model to its owner', async () => {
    const ids = async (user: string) =>
      (await api.api(user).models()).map(({ modelId }) => modelId).sort();
    expect(await ids('alice')).toEqual(['smile']);
    expect(await ids('owner')).toEqual(['own', 'smile']);
  });

  it('answers a known ETag without a body', async () => {
    const headers = { Authorization: `Bearer ${await api.idp.token('alice')}` };
    const first = await fetch(`${api.baseUrl}/v1/models`, { headers });
    const etag = first.headers.get('etag') ?? '';
    const again = await fetch(`${api.baseUrl}/v1/models`, {
      headers: { ...headers, 'If-None-Match': etag },
    });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });
});

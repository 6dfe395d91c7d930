import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { revokeModel } from '../catalogue/revoke-model.ts';

let api: ApiHarness;
const MODEL = Buffer.from('a model');
/** Documents that were read, by what read them. */
let reads = { gets: 0, queried: [] as string[] };

beforeAll(async () => {
  api = await startApi({}, (services) => {
    const { documents } = services;
    const counted: typeof documents = {
      ...documents,
      get: (path) => {
        reads.gets += 1;
        return documents.get(path);
      },
      query: async (query) => {
        const found = await documents.query(query);
        reads.queried.push(...found.map(({ path }) => path));
        return found;
      },
    };
    return Object.assign(services, { documents: counted });
  });
  await api.publish('smile', MODEL, { format: 'opaque' });
  await api.publish('own', MODEL, { format: 'opaque', owner: api.userId('owner') });
});
afterAll(() => api.close());

async function list(user: string, etag?: string) {
  const headers = {
    Authorization: `Bearer ${await api.idp.token(user)}`,
    ...(etag !== undefined && { 'If-None-Match': etag }),
  };
  reads = { gets: 0, queried: [] };
  const response = await fetch(`${api.baseUrl}/v1/models`, { headers });
  const text = await response.text();
  const body = (text === '' ? {} : JSON.parse(text)) as { models?: { modelId: string }[] };
  const ids = body.models?.map(({ modelId }) => modelId).sort();
  return { status: response.status, etag: response.headers.get('etag') ?? '', ids, text, response };
}

describe('the list of models', () => {
  it('lists the catalogue to all and a personal model to its owner', async () => {
    expect((await list('alice')).ids).toEqual(['smile']);
    expect((await list('owner')).ids).toEqual(['own', 'smile']);
  });

  it('answers a known ETag without a body, and without reading the list', async () => {
    const { etag } = await list('owner');
    const again = await list('owner', etag);
    expect(again).toMatchObject({ status: 304, text: '' });
    expect(reads).toEqual({ gets: 2, queried: [] });
  });

  it('reads the open catalogue once for all who ask', async () => {
    await list('alice');
    expect((await list('bob')).ids).toEqual(['smile']);
    expect(reads.queried).toEqual([]);
    await list('owner');
    expect(reads.queried).toEqual(['models/own']);
  });

  it('has another ETag for another user, who must not be told from the list of the first', async () => {
    const [alice, bob] = [await list('alice'), await list('bob')];
    expect(alice.etag).not.toBe(bob.etag);
    expect((await list('bob', alice.etag)).status).toBe(200);
  });

  it('is another one once a model was published or taken back, for those whom it concerns', async () => {
    const before = { alice: await list('alice'), owner: await list('owner') };
    await api.publish('more', MODEL, { format: 'opaque', owner: api.userId('owner') });
    expect((await list('alice', before.alice.etag)).status).toBe(304);
    expect((await list('owner', before.owner.etag)).ids).toEqual(['more', 'own', 'smile']);
    await api.publish('new', MODEL, { format: 'opaque' });
    expect((await list('alice', before.alice.etag)).ids).toEqual(['new', 'smile']);
    await revokeModel(api.services, 'new', undefined, new Date());
    const after = await list('alice');
    expect(after.ids).toEqual(['smile']);
    expect((await list('alice', after.etag)).status).toBe(304);
  });

  it('is read in full so often a minute, and asked about as often as an app likes', async () => {
    const { etag } = await list('carol');
    for (let n = 1; n < 20; n += 1) expect((await list('carol')).status).toBe(200);
    const { status, response } = await list('carol');
    expect(status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await list('carol', etag)).status).toBe(304);
  });
});

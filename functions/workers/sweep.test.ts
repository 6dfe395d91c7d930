import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tell } from '../../test/fraud/story.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { documentOutbox } from '../fraud/outbox.ts';
import { sealedObjectName } from '../grants/sealed-object.ts';
import { sweep } from './sweep.ts';

const NOW = new Date('2026-11-24T12:00:00Z');
const minutes = (offset: number) => new Date(NOW.getTime() + offset * 60_000);
const grant = (letter: string) => `g_${letter.repeat(22)}`;

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const put = (name: string) => {
  const body = (async function* () {
    yield new Uint8Array([1]);
  })();
  return api.clients.objects.write('test-sealed', name, body);
};
const names = async () =>
  (await Array.fromAsync(api.clients.objects.list('test-sealed', ''))).map(({ name }) => name);

describe('sweep', () => {
  it('deletes what is due and what has no business there, and nothing else', async () => {
    const due = sealedObjectName(grant('a'), minutes(-10), 300);
    const dueNow = sealedObjectName(grant('b'), minutes(-5), 300);
    const later = sealedObjectName(grant('c'), minutes(-4), 300);
    const muchLater = sealedObjectName(grant('d'), minutes(0), 3600);
    for (const name of [due, dueNow, later, muchLater, '00-stray']) await put(name);

    expect(await sweep(api.services, NOW)).toEqual({ deleted: 3, failed: 0 });
    expect(await names()).toEqual([later, muchLater]);
    await api.clients.publisher.idle();
    const swept = api.events.filter(({ type }) => type === 'object.swept');
    expect(swept.map((event) => event['grant']).sort()).toEqual([grant('a'), grant('b'), null]);

    expect(await sweep(api.services, NOW)).toEqual({ deleted: 0, failed: 0 });
    expect(await sweep(api.services, minutes(2))).toEqual({ deleted: 1, failed: 0 });
  });

  it('goes on where one object cannot be deleted', async () => {
    const [broken, fine] = [grant('e'), grant('f')].map((id) =>
      sealedObjectName(id, minutes(-60), 300),
    );
    for (const name of [broken, fine]) await put(name ?? '');
    const objects = {
      ...api.services.objects,
      delete: async (bucket: string, name: string) => {
        if (name === broken) throw new Error('refused');
        return api.services.objects.delete(bucket, name);
      },
    };
    const result = await sweep({ ...api.services, objects }, NOW);
    expect(result).toEqual({ deleted: 1, failed: 1 });
    expect(await names()).toContain(broken);
    expect(await sweep(api.services, NOW)).toEqual({ deleted: 1, failed: 0 });
  });

  it('publishes what waits in the outbox also where the bucket cannot be listed', async () => {
    const { list } = api.clients.objects;
    const event = tell().server(1, { type: 'grant.made', model: 'm1' });
    await documentOutbox(api.clients.documents, () => new Date(0)).keep(event);
    Object.assign(api.clients.objects, {
      list: () => {
        throw new Error('away');
      },
    });
    try {
      const response = await fetch(`${api.baseUrl}/internal/sweep`, { method: 'POST' });
      expect(response.status).toBe(500);
    } finally {
      Object.assign(api.clients.objects, { list });
    }
    expect(await api.clients.documents.get(`outbox/${event.eventId}`)).toBeUndefined();
  });

  it('runs at its path', async () => {
    const response = await fetch(`${api.baseUrl}/internal/sweep`, { method: 'POST' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ failed: 0 });
  });
});

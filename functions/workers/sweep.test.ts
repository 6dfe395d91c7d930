import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tell } from '../../test/fraud/story.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { documentOutbox } from '../fraud/outbox.ts';
import { sealedObjectName } from '../grants/sealed-object.ts';
import { sweep, sweepWhileBusy } from './sweep.ts';

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
    for (const name of [due, dueNow, later, muchLater, '0-stray']) await put(name);

    expect(await sweep(api.services, NOW)).toEqual({ deleted: 3, failed: 0 });
    expect(await names()).toEqual([later, muchLater]);
    await api.clients.publisher.idle();
    const swept = api.events.filter(({ type }) => type === 'object.swept');
    expect(swept.map((event) => event['grant']).sort()).toEqual([grant('a'), grant('b'), null]);

    expect(await sweep(api.services, NOW)).toEqual({ deleted: 0, failed: 0 });
    expect(await sweep(api.services, minutes(2))).toEqual({ deleted: 1, failed: 0 });
  });

  it('goes on where one object cannot be deleted, or a whole request fails', async () => {
    const [broken = '', beside = '', elsewhere = ''] = [grant('e'), grant('f'), grant('z')].map(
      (id) => sealedObjectName(id, minutes(-60), 300),
    );
    expect([broken, beside, elsewhere].map((name) => name[0])).toEqual(['7', '7', 'c']);
    for (const name of [broken, beside, elsewhere]) await put(name);
    const { objects } = api.services;
    const without = (deleteTogether: typeof objects.deleteTogether) =>
      sweep({ ...api.services, objects: { ...objects, deleteTogether } }, NOW);

    const oneFails = await without(async (bucket, names) => {
      const rest = names.filter((name) => name !== broken);
      const outcomes = await objects.deleteTogether(bucket, rest);
      return names.map((name) => outcomes[rest.indexOf(name)] ?? 'failed');
    });
    expect(oneFails).toEqual({ deleted: 2, failed: 1 });
    expect(await names()).toContain(broken);

    await put(elsewhere);
    const requestFails = await without(async (bucket, names) => {
      if (names.includes(broken)) throw new Error('refused');
      return objects.deleteTogether(bucket, names);
    });
    expect(requestFails).toEqual({ deleted: 1, failed: 1 });
    expect(await sweep(api.services, NOW)).toEqual({ deleted: 1, failed: 0 });
  });

  it('goes on through the minute while there is much, and takes what became due meanwhile', async () => {
    const ids = Array.from({ length: 2_400 }, (_, n) => `g_${String(n).padStart(22, '0')}`);
    const begin = new Date('2026-11-24T18:00:00Z');
    await sweep(api.services, begin);
    // Due at the first pass, five seconds later, and at the end of a minute of passes.
    const offsets = [0, 1_200, 2_395].flatMap((from, n, all) =>
      ids.slice(from, all[n + 1]).map((id) => ({ id, seconds: [0, 4, 3_000][n] ?? 0 })),
    );
    for (const { id, seconds } of offsets) {
      await put(sealedObjectName(id, new Date(begin.getTime() + seconds * 1000), 0));
    }
    let elapsed = 0;
    const pauses: number[] = [];
    const swept = await sweepWhileBusy(api.services, begin, {
      elapsedMs: () => elapsed,
      pause: async (ms) => {
        pauses.push(ms);
        elapsed += ms;
      },
    });
    expect(swept).toEqual({ deleted: 2_395, failed: 0 });
    expect(pauses).toEqual([5_000, 5_000]);
    expect(await sweep(api.services, new Date(begin.getTime() + 3_600_000))).toEqual({
      deleted: 5,
      failed: 0,
    });
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

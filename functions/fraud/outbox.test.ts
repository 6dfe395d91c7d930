import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { tell } from '../../test/fraud/story.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { eventMessage } from './event-message.ts';
import type { FraudEvent } from './events.ts';
import { documentOutbox, emptyOutbox, forgetSomeEvents } from './outbox.ts';

const start = new Date('2026-11-24T12:00:00.000Z');
const minutes = (offset: number) => new Date(start.getTime() + offset * 60_000);
const events = [1, 2, 3].map((n) => tell().server(n, { type: 'grant.made', model: `m${n}` }));

describe('the outbox', () => {
  async function filled() {
    const documents = memoryDocuments();
    const outbox = documentOutbox(documents, () => start);
    for (const [n, event] of events.entries()) await outbox.keep({ ...event, eventId: `e${n}` });
    const left = async () =>
      (await documents.query({ collection: 'outbox', limit: 10 })).map(({ path }) => path);
    return { documents, left };
  }

  it('is emptied into Pub/Sub, each event as it was', async () => {
    const { documents, left } = await filled();
    const published: unknown[] = [];
    const publisher = { publish: async (_: string, data: unknown) => void published.push(data) };
    expect(await emptyOutbox({ documents, publisher }, start)).toEqual({
      republished: 3,
      waiting: 0,
    });
    expect(published).toContainEqual(
      JSON.parse(JSON.stringify(eventMessage({ ...events[0], eventId: 'e0' } as never))),
    );
    expect(await left()).toEqual([]);
    expect(await emptyOutbox({ documents, publisher }, start)).toMatchObject({ republished: 0 });
  });

  it('keeps what is refused again and tries it later and later', async () => {
    const { documents, left } = await filled();
    const tried: string[] = [];
    const publisher = {
      publish: async (_: string, data: unknown) => {
        const { eventId } = data as { eventId: string };
        tried.push(eventId);
        if (eventId === 'e1') throw new Error('refused');
      },
    };
    const run = (now: Date) => emptyOutbox({ documents, publisher }, now);
    expect(await run(start)).toEqual({ republished: 2, waiting: 1 });
    expect(await left()).toEqual(['outbox/e1']);
    expect(await run(minutes(1))).toEqual({ republished: 0, waiting: 0 });
    expect(await run(minutes(2))).toEqual({ republished: 0, waiting: 1 });
    expect(await run(minutes(5))).toEqual({ republished: 0, waiting: 0 });
    expect(await run(minutes(6))).toEqual({ republished: 0, waiting: 1 });
    expect(tried.filter((id) => id === 'e1')).toHaveLength(3);
  });
});

describe('an event of a user who is forgotten', () => {
  async function filled() {
    const documents = memoryDocuments();
    const outbox = documentOutbox(documents, () => start);
    const [event] = events as [FraudEvent];
    for (let n = 0; n < 401; n += 1) await outbox.keep({ ...event, eventId: `a${n}` });
    await outbox.keep({ ...event, eventId: 'b', user: 'k1_bob' });
    await outbox.keep({ ...event, eventId: 'c', user: null });
    const left = async () =>
      (await documents.query({ collection: 'outbox', limit: 500 })).map(({ path }) => path);
    return { documents, left };
  }

  it('goes, in steps, and nobody else’s does', async () => {
    const { documents, left } = await filled();
    let steps = 0;
    while (await forgetSomeEvents(documents, 'k1_alice')) steps += 1;
    expect(steps).toBeGreaterThan(1);
    expect(await left()).toEqual(['outbox/b', 'outbox/c']);
    expect(await forgetSomeEvents(documents, 'k1_nobody')).toBe(false);
  });

  it('does not come back where Pub/Sub refuses it meanwhile', async () => {
    const { documents, left } = await filled();
    const publisher = {
      publish: async () => {
        while (await forgetSomeEvents(documents, 'k1_alice'));
        throw new Error('out');
      },
    };
    expect(await emptyOutbox({ documents, publisher }, start)).toMatchObject({ republished: 0 });
    expect(await left()).toEqual(['outbox/b', 'outbox/c']);
  });
});

describe('an outbox after a long outage', () => {
  async function kept(count: number) {
    const documents = memoryDocuments();
    const outbox = documentOutbox(documents, () => start);
    for (let n = 0; n < count; n += 1) {
      await outbox.keep({ ...(events[0] as FraudEvent), eventId: `e${n}` });
    }
    return documents;
  }

  it('is emptied in one run though it holds more than a batch', async () => {
    const publisher = { publish: async () => undefined };
    const documents = await kept(1_201);
    expect(await emptyOutbox({ documents, publisher }, start)).toEqual({
      republished: 1_201,
      waiting: 0,
    });
  });

  it('is left for the next run where Pub/Sub is still out', async () => {
    let tried = 0;
    const publisher = {
      publish: async () => {
        tried += 1;
        throw new Error('out');
      },
    };
    const documents = await kept(700);
    expect(await emptyOutbox({ documents, publisher }, start)).toMatchObject({ republished: 0 });
    expect(tried).toBe(500);
  });

  it('goes on with the others where it cannot note that one was refused', async () => {
    const documents = await kept(40);
    const failing = {
      ...documents,
      transaction: async () => {
        throw new Error('away');
      },
    };
    const publisher = {
      publish: async (_: string, data: unknown) => {
        if ((data as { eventId: string }).eventId === 'e3') throw new Error('refused');
      },
    };
    expect(await emptyOutbox({ documents: failing, publisher }, start)).toEqual({
      republished: 39,
      waiting: 1,
    });
  });
});

describe('while Pub/Sub is out', () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await startApi();
    await api.publish('smile', new Uint8Array(1_000).fill(7), { format: 'opaque' });
  });
  afterAll(() => api.close());

  it.each([
    ['refuses', () => Promise.reject(new Error('out'))],
    ['hangs', () => new Promise<never>(() => undefined)],
  ])('a model is granted though it %s, and no event is lost', async (how, outage) => {
    const works = api.clients.publisher.publish;
    const phone = api.phone(how);
    await phone.enrol();
    await api.clients.publisher.idle();
    const before = api.events.length;
    api.clients.publisher.publish = outage;
    await phone.grant('smile');
    await phone.report([{ type: 'rasp.checked' }]);
    api.clients.publisher.publish = works;
    expect(api.events).toHaveLength(before);

    const sweep = await fetch(`${api.baseUrl}/internal/sweep`, { method: 'POST' });
    expect(await sweep.json()).toMatchObject({ waiting: 0 });
    await api.clients.publisher.idle();
    const ofUser = api.events.slice(before).filter(({ user }) => user === api.userId(how));
    const types = ofUser.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['grant.made', 'rasp.checked']));
  });
});

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { createEventCounts } from '../fraud/event-counts.ts';
import { newEvent } from '../fraud/events.ts';
import { overviewOf } from './overview.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
  await api.publish('portrait', randomBytes(300_000), { format: 'opaque' });
});
afterAll(() => api.close());

const dayOf = async () => (await overviewOf(api.clients, new Date())).day;

describe('the overview', () => {
  it('has neither time nor cost of copies while none has been told of', async () => {
    expect(await dayOf()).toMatchObject({
      ...{ granted: 0, cost: null, took: { copies: 0, p50Ms: null, p95Ms: null } },
    });
  });

  it('has what copies took and cost, by what the service told of them with later ones', async () => {
    // An event of a grant tells of copies that were sealed before it.
    for (const user of ['ann', 'bob', 'cleo']) await api.phone(user).grant('portrait');
    await api.delivered();
    const told = api.events.filter(({ type }) => type === 'grant.made');
    const [, second] = told.map(({ attributes }) => attributes as Record<string, number>);
    expect(second?.['beforeMs']).toBeGreaterThan(0);
    expect(second?.['beforeBytes']).toBeGreaterThan(300_000);
    // What an instance has counted is written with an event some seconds later.
    let later = new Date();
    const count = createEventCounts(api.clients.documents, () => later);
    for (const { attributes } of told as { attributes: Record<string, number> }[]) {
      const input = { type: 'grant.made', authenticated: 'device', attributes } as const;
      await count(newEvent(input, later, randomBytes(10)));
    }
    later = new Date(later.getTime() + 6_000);
    await count(newEvent({ type: 'grant.made' }, later, randomBytes(10)));
    const { took, cost } = await dayOf();
    expect(took.copies).toBeGreaterThan(0);
    expect(took.p95Ms).toBeGreaterThanOrEqual(took.p50Ms ?? Number.POSITIVE_INFINITY);
    expect(cost?.bytesEach).toBeGreaterThan(300_000);
    expect(cost?.dollars).toBeCloseTo(
      cost?.lines.reduce((sum, { dollars }) => sum + dollars, 0) ?? 0,
    );
    expect(cost?.dollars).toBeGreaterThan(0);
  });
});

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { createServices } from '../composition.ts';
import { restrictionsDocument } from '../fraud/blocklist.ts';
import { movePath } from '../fraud/pseudonym-moves.ts';
import { blockPath, riskPath, type Subject } from '../fraud/subjects.ts';
import { devicesOf, userDevicesPath } from '../identity/user-devices.ts';
import { appendBlocks } from '../ledger/append-blocks.ts';
import { verifyLedger } from '../ledger/verify-ledger.ts';
import { HOUR_MS } from '../time.ts';
import { eraseUser } from './erase-user.ts';
import { everyDocument, NAMED_COLLECTIONS } from './named-documents.ts';
import { reKey } from './re-key.ts';
import { orderErasure } from './request-erasure.ts';

const SECRETS = [Buffer.alloc(32, 2), Buffer.alloc(32, 3)].map((each) =>
  each.toString('base64url'),
);
let api: ApiHarness;

beforeEach(async () => {
  api = await startApi({
    PSEUDONYM_SECRET: SECRETS.join(','),
    DEVICE_COOLING_OFF_SECONDS: '0',
    BLOCK_DELAY_SECONDS: '0',
    PLANS: JSON.stringify({ default: { grantsPerDay: 3, modelsPerDay: 3 } }),
  });
  await api.publish('smile', randomBytes(20_000), { format: 'opaque' });
});
afterEach(async () => {
  jest.useRealTimers();
  await api.close();
});

/** Only dates are told by a test. */
const doNotFake = [
  ...(['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate'] as const),
  ...(['clearImmediate', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] as const),
];

const run = (options: Partial<Parameters<typeof reKey>[1]> = {}) =>
  reKey(api.services, { dryRun: false, settle: async () => undefined, ...options }, new Date());

/** Whatever still bears a name of the first key, but for what remembers it on purpose. */
async function left(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const collection of NAMED_COLLECTIONS) {
    for await (const { path, data } of everyDocument(api.clients.documents, collection)) {
      const { grantedTo: _, ...rest } = data;
      if (/(?:^|[/_"])p1_[\w-]{22}(?:$|["_])/.test(`${path} ${JSON.stringify(rest)}`))
        found.push(path);
    }
  }
  return found;
}

/** The same question until it is not put off any more. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { code?: string }).code !== 'unavailable') throw error;
      await new Promise(setImmediate);
    }
  }
  throw new Error('put off for ever');
}

describe('a rotation of PSEUDONYM_SECRET', () => {
  it('keeps devices, grants, quotas, blocks and erasures', async () => {
    const ann = api.phone('ann');
    const { grantId } = await ann.grant('smile');
    await ann.grant('smile');
    const mallory = api.phone('mallory');
    await mallory.grant('smile');
    await block({ kind: 'user', id: api.userId('mallory') });
    const eve = api.phone('eve');
    await eve.grant('smile');
    await erase(api.userId('eve'));
    await api.publish('mine', randomBytes(5_000), { format: 'opaque', owner: api.userId('ann') });
    await api.clients.publisher.idle();
    await appendBlocks(api.services, new Date(Date.now() + 600_000));

    const report = await run();
    expect(report).toMatchObject({ from: 'p1', to: 'p2', conflicts: [] });
    expect(report.subjects).toBeGreaterThanOrEqual(4);
    expect(await left()).toEqual([]);
    const move = await api.clients.documents.get(movePath(api.userId('ann')));
    expect(move?.['expireAt']).toBeInstanceOf(Date);

    const held = await heldBy('ann');
    expect(held.id).toMatch(/^p2_/);
    const exported = (await api.api('ann').exportMe()) as { grants: unknown[]; user: string };
    expect(exported).toMatchObject({
      user: held.id,
      grants: [{}, {}],
      models: [{ modelId: 'mine' }],
    });

    // Two grants of three are used up: the third is the last.
    await ann.grant('mine');
    await expect(ann.grant('smile')).rejects.toMatchObject({ code: 'quota_exceeded' });
    await expect(mallory.grant('smile')).rejects.toMatchObject({ code: 'blocked' });
    await expect(api.phone('eve').grant('smile')).rejects.toMatchObject({ code: 'rate_limited' });
    const [, licence] = (await ann.renew(grantId, await digestOf(grantId))).licence.split('.');
    const named = JSON.parse(Buffer.from(licence ?? '', 'base64url').toString());
    expect(named).toMatchObject({ grantId, userId: api.userId('ann') });
    expect(await verifyLedger(api.clients.documents, new Date())).not.toHaveProperty('fault.kind');
  });

  it('only counts in a dry run', async () => {
    await api.phone('ann').grant('smile');
    const before = await left();
    const counted = await run({ dryRun: true });
    expect(counted.subjects).toBeGreaterThan(0);
    expect(counted.documents).toBeGreaterThanOrEqual(before.length);
    expect(await left()).toEqual(before);
    expect(await api.clients.documents.get(movePath('p1'))).toBeUndefined();
  });

  it('serves everybody while it runs, and finds what comes in meanwhile', async () => {
    const users = ['u1', 'u2', 'u3', 'u4'];
    const phones = users.map((user) => api.phone(user));
    await Promise.all(phones.map((phone) => phone.grant('smile')));
    const asked = phones.map((phone) => patiently(() => phone.grant('smile')));
    const late = patiently(() => api.phone('new').grant('smile'));
    let settled = 0;
    const settle = async () => {
      settled += 1;
      // The first time nothing has moved yet.
      if (settled > 1) await Promise.all([...asked, late]);
    };
    await run({ settle });
    expect(settled).toBe(2);
    await run();
    expect(await left()).toEqual([]);
    await api.clients.publisher.idle();
    for (const phone of phones) await phone.grant('smile');
    for (const phone of phones) {
      await expect(phone.grant('smile')).rejects.toMatchObject({ code: 'quota_exceeded' });
    }
  });

  it('leaves nothing behind that came between its look at the records and the move', async () => {
    await api.phone('ann').grant('smile');
    await api.clients.publisher.idle();
    const name = api.userId('ann');
    const risk = await api.clients.documents.get(riskPath({ kind: 'user', id: name }));
    await api.clients.documents.delete(riskPath({ kind: 'user', id: name }));
    const { set } = api.clients.documents;
    const documents = {
      ...api.clients.documents,
      set: async (path: string, data: DocumentData) => {
        const isOwn = path === movePath(name);
        // Scored just before his name is held, and again as soon as the new one holds.
        if (isOwn && data['state'] === 'moving') {
          await set(riskPath({ kind: 'user', id: name }), risk ?? {});
        }
        await set(path, data);
        if (isOwn && data['state'] === 'moved')
          await set(riskPath(await heldBy('ann')), risk ?? {});
      },
    };
    const services = { ...api.services, documents };
    const settle = async () => undefined;
    const report = await reKey(services, { dryRun: false, settle }, new Date());
    expect(report.conflicts).toEqual([]);
    expect(await left()).toEqual([]);
  });

  it('goes on where it broke off, and whoever was being moved waits until then', async () => {
    const ann = api.phone('ann');
    await ann.grant('smile');
    const { set } = api.clients.documents;
    const moving = { to: 'p2_x', state: 'moving', expireAt: null };
    await set(movePath('p1'), { ...moving, to: 'p2' });
    await set(movePath(api.userId('ann')), moving);
    await expect(ann.grant('smile')).rejects.toMatchObject({ code: 'unavailable' });
    await run();
    await ann.grant('smile');
    expect(await left()).toEqual([]);
  });

  it('counts late events against the name that holds now', async () => {
    await api.phone('ann').grant('smile');
    await api.clients.publisher.idle();
    // A rotation settles for longer than it takes scoring to notice it.
    const settle = async () => void jest.useFakeTimers({ now: Date.now() + 61_000, doNotFake });
    await run({ settle });
    const user = await heldBy('ann');
    const before = await api.clients.documents.get(riskPath(user));
    const [event] = api.events.filter(({ type }) => type === 'grant.made');
    expect(event?.['user']).toBe(api.userId('ann'));
    await api.services.emit({ ...event, model: 'frown' } as never, new Date());
    await api.clients.publisher.idle();
    expect(await left()).toEqual([]);
    expect(await api.clients.documents.get(riskPath(user))).not.toEqual(before);
  });

  it('has one key less than two: nothing to do', async () => {
    const { config } = api.services;
    const [only] = config.secrets.PSEUDONYM_SECRET ?? [];
    const single = await createServices(
      { ...config, secrets: { ...config.secrets, PSEUDONYM_SECRET: only ? [only] : [] } },
      { name: 'test', secrets: ['PSEUDONYM_SECRET'] },
      api.clients,
    );
    const options = { dryRun: false, settle: async () => undefined };
    await expect(reKey(single, options, new Date())).rejects.toThrow('one secret');
  });

  it('blocks by the new name where the block was made under the old one', async () => {
    const user = { kind: 'user', id: api.userId('mallory') } as const;
    await api.phone('mallory').grant('smile');
    await block(user);
    await run();
    expect(await api.clients.documents.get(blockPath(user))).toBeUndefined();
    const held = await heldBy('mallory');
    expect(await api.clients.documents.get(blockPath(held))).toMatchObject({ id: held.id });
  });
});

async function digestOf(grantId: string): Promise<string> {
  return String((await api.clients.documents.get(`grants/${grantId}`))?.['sha256']);
}

/** The user by the name that holds now. */
async function heldBy(user: string) {
  return { kind: 'user', id: await api.services.pseudonyms.current(api.userId(user)) } as const;
}

function block(subject: Subject): Promise<void> {
  const now = new Date();
  const until = new Date(now.getTime() + HOUR_MS);
  const made = { until, reason: 'test', rules: [], escalation: 1, createdAt: now };
  const restrictions = { block: { ...made, by: 'operator:ada' } } as const;
  return api.clients.documents.set(blockPath(subject), restrictionsDocument(subject, restrictions));
}

async function erase(userId: string): Promise<void> {
  const now = new Date();
  await api.clients.documents.transaction(async (tx) => {
    const [list] = await tx.getAll([userDevicesPath(userId)]);
    orderErasure(tx, userId, undefined, devicesOf(list), now);
  });
  while (!(await eraseUser(api.services, userId, now)));
}

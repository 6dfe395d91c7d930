import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { type EventInput, newEvent } from '../fraud/events.ts';
import { documentOutbox } from '../fraud/outbox.ts';
import { tallyPath } from '../fraud/tally.ts';
import { erasedGrantDocument, grantPath, readGrant } from '../grants/grant-record.ts';
import { appendBlocks } from '../ledger/append-blocks.ts';
import { verifyLedger } from '../ledger/verify-ledger.ts';
import { block } from '../operators/restrict.ts';
import { HOUR_MS } from '../time.ts';
import { runErasures } from './run-erasures.ts';

let api: ApiHarness;
/** Every path that was ever written to. */
let paths: Set<string>;

beforeEach(async () => {
  paths = new Set();
  api = await startApi({ DEVICE_COOLING_OFF_SECONDS: '0' }, (services) => ({
    ...services,
    documents: noting(services.documents, paths),
  }));
  await api.publish('smile', randomBytes(20_000), { format: 'opaque' });
  await api.publish('frown', randomBytes(20_000), { format: 'opaque' });
});
afterEach(() => api.close());

function noting(documents: DocumentStore, written: Set<string>): DocumentStore {
  const noted =
    <A extends readonly [string, ...unknown[]], R>(write: (...args: A) => R) =>
    (...args: A): R => {
      written.add(args[0]);
      return write(...args);
    };
  return {
    ...documents,
    create: noted(documents.create),
    set: noted(documents.set),
    transaction: (work) =>
      documents.transaction((tx) => work({ ...tx, create: noted(tx.create), set: noted(tx.set) })),
  };
}

/** Documents and objects in whose path or content one of the names stands. */
async function naming(...names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  const look = (place: string, content: unknown) => {
    const text = place + JSON.stringify(content);
    if (names.some((name) => text.includes(name))) found.push(place);
  };
  for (const path of paths) {
    const data = await api.clients.documents.get(path);
    if (data) look(path, data);
  }
  const waiting = await api.clients.documents.query({ collection: 'outbox', limit: 100 });
  for (const { path, data } of waiting) look(path, data);
  for (const bucket of Object.values(api.services.config.buckets)) {
    for await (const object of api.clients.objects.list(bucket, '')) {
      look(`${bucket}/${object.name}`, object.metadata);
    }
  }
  return found.sort();
}

const later = (ms: number) => new Date(Date.now() + ms);
const run = (now = new Date()) => runErasures(api.services, now);
const userPath = (user: string) => `user_${api.userId(user)}`;
const tallyOf = (user: string) => tallyPath(api.userId(user));
const event = (user: string, device: string) => ({
  ...{ type: 'grant.made', authenticated: 'device', platform: 'ios', outcome: 'ok' },
  ...{ user: api.userId(user), device, model: 'smile', version: '1.0.0' },
});
/** As an event that Pub/Sub did not take is kept. */
const keepBack = (user: string, device: string) =>
  documentOutbox(api.clients.documents, () => new Date()).keep(
    newEvent(event(user, device) as EventInput, new Date(), randomBytes(10)),
  );

/** Alice on two phones, with models of her own, reports, and a neighbour. */
async function aliceAndBob() {
  const [phone, pixel, bobs] = [api.phone('alice'), api.pixel('alice'), api.phone('bob')];
  const own = { format: 'opaque', owner: api.userId('alice') } as const;
  await api.publish('alice-own', randomBytes(5_000), own);
  const waiting = { 'owner-issuer': api.idp.issuer, 'owner-subject': 'alice' };
  await api.clients.objects.write(
    api.services.config.buckets.intake,
    'alice-next/1/x.tflite',
    (async function* () {
      yield randomBytes(10);
    })(),
    { metadata: waiting },
  );
  const grants = [
    await phone.grant('smile'),
    await phone.grant('alice-own'),
    await pixel.grant('frown'),
  ];
  const bob = await bobs.grant('smile');
  await bobs.grant('frown');
  await phone.report([{ type: 'rasp.signal', cause: 'hook' }]);
  await api.api('alice').exportMe();
  await api.clients.publisher.idle();
  await keepBack('alice', grants[0]?.deviceId ?? '');
  await keepBack('bob', bob.deviceId);
  const devices = [...new Set(grants.map(({ deviceId }) => deviceId))];
  return { phone, pixel, bobs, grants, devices, bob };
}

describe('erasing a user', () => {
  it('leaves nothing that names him or his devices but the record of it', async () => {
    const { phone, devices, grants, bob } = await aliceAndBob();
    const alice = [api.userId('alice'), 'alice', ...devices];
    expect((await naming(...alice)).length).toBeGreaterThan(12);
    const before = await naming(api.userId('bob'), bob.deviceId);

    await phone.eraseMe();
    expect(await run()).toMatchObject({ begun: 1, failed: 0 });
    await api.clients.publisher.idle();
    expect(await run(later(2 * HOUR_MS))).toMatchObject({ completed: 1, failed: 0 });
    // When models were taken stays, and not which: docs/ops/compliance.md.
    expect(await naming(...alice)).toEqual([`erasures/${userPath('alice')}`, tallyOf('alice')]);
    expect(await api.clients.documents.get(`erasures/${userPath('alice')}`)).toMatchObject({
      devices: [],
      networks: [],
      dueAt: null,
    });
    for (const { grantId } of grants) {
      const left = await api.clients.documents.get(grantPath(grantId));
      expect(Object.keys(left ?? {}).sort()).toEqual(
        ['createdAt', 'expireAt', 'grantId', 'ledgerKey', 'state'].sort(),
      );
      expect((await naming(grantId)).filter((place) => place.includes('sealed'))).toEqual([]);
    }
    expect(await naming(api.userId('bob'), bob.deviceId)).toEqual(before);
    expect((await api.phone('bob').grant('smile')).grantId).toMatch(/^g_/);
  });

  it('is looked through again for events that came late', async () => {
    const { phone, devices } = await aliceAndBob();
    await phone.eraseMe();
    await run();
    const network = api.services.pseudonyms.network('127.0.0.1');
    const late = { ...event('alice', devices[0] ?? ''), network } as EventInput;
    await api.services.emit(late, new Date());
    await keepBack('alice', devices[0] ?? '');
    await api.clients.publisher.idle();
    expect((await naming(api.userId('alice'))).length).toBeGreaterThan(1);
    await run(later(2 * HOUR_MS));
    expect(await naming(api.userId('alice'), ...devices)).toEqual([
      `erasures/${userPath('alice')}`,
      tallyOf('alice'),
    ]);
  });

  it('keeps a block that is in force until its end, and takes the request of who is blocked', async () => {
    const { phone } = await aliceAndBob();
    const alice = { kind: 'user', id: api.userId('alice') } as const;
    await block(api.services, alice, 24, { by: 'eve', reason: 'theft' });
    await phone.eraseMe();
    await run();
    await run(later(2 * HOUR_MS));
    const kept = (await naming(api.userId('alice'))).filter((place) => !place.startsWith('audit/'));
    expect(kept).toEqual([
      `blocklist/${userPath('alice')}`,
      `erasures/${userPath('alice')}`,
      tallyOf('alice'),
    ]);
    await expect(phone.enrol()).rejects.toMatchObject({ code: 'blocked' });
  });

  it('is no way to begin at nothing again and again', async () => {
    const { phone } = await aliceAndBob();
    const { enrolAgainAt } = await phone.eraseMe();
    expect(Date.parse(enrolAgainAt) - Date.now()).toBeLessThanOrEqual(HOUR_MS);
    await expect(phone.enrol()).rejects.toMatchObject({ code: 'rate_limited' });
    expect((await phone.eraseMe()).enrolAgainAt).toBe(enrolAgainAt);

    const path = `erasures/${userPath('alice')}`;
    const record = (await api.clients.documents.get(path)) ?? {};
    const later = { ...record, enrolAgainAt: new Date(0) };
    await api.clients.documents.set(path, later);
    // Not before the work is done: it would take the new device with it.
    await expect(phone.enrol()).rejects.toMatchObject({ code: 'rate_limited' });
    expect((await phone.eraseMe()).enrolAgainAt).toBe(new Date(0).toISOString());
    await api.clients.documents.set(path, { ...later, dueAt: null });
    await phone.enrol();
    const again = await phone.eraseMe();
    expect(Date.parse(again.enrolAgainAt) - Date.now()).toBeGreaterThan(30 * 24 * HOUR_MS);
  });

  it('needs the proof of a device where there is one', async () => {
    const { phone } = await aliceAndBob();
    await expect(api.phone('alice').eraseMe()).rejects.toMatchObject({ code: 'proof_invalid' });
    await expect(api.phone('nobody').eraseMe()).resolves.toMatchObject({ completedAt: null });
    await expect(phone.grant('smile')).resolves.toMatchObject({ grantId: expect.any(String) });
  });

  it('goes on where it broke off, and ends with many grants, too', async () => {
    const { phone, grants } = await aliceAndBob();
    const data = (await api.clients.documents.get(grantPath(grants[0]?.grantId ?? ''))) ?? {};
    for (let n = 0; n < 330; n += 1) {
      const grantId = `g_${String(n).padStart(22, '0')}`;
      await api.services.documents.set(grantPath(grantId), {
        ...data,
        grantId,
        createdAt: new Date(0),
      });
    }
    await phone.eraseMe();
    const { transaction } = api.services.documents;
    let calls = 0;
    const failing = {
      ...api.services,
      documents: {
        ...api.services.documents,
        transaction: (async (work) => {
          calls += 1;
          if (calls % 3 === 0) throw new Error('away');
          return transaction(work);
        }) as DocumentStore['transaction'],
      },
    };
    for (let n = 1; n < 12; n += 1)
      await runErasures(failing, later(n * 400_000)).catch(() => undefined);
    await run(later(3 * HOUR_MS));
    await run(later(4 * HOUR_MS));
    expect(await naming(api.userId('alice'))).toEqual([
      `erasures/${userPath('alice')}`,
      tallyOf('alice'),
    ]);
  });

  it('is not held up by a record that cannot be read', async () => {
    const { phone } = await aliceAndBob();
    await phone.eraseMe();
    const unreadable = [
      { kind: 'user', id: 'k1_nobody', dueAt: new Date(0) },
      { kind: 'user', id: 'k1_noone', dueAt: new Date(0), requestedAt: 'yesterday' },
    ];
    for (const record of unreadable) {
      await api.clients.documents.set(`erasures/user_${record.id}`, record);
    }
    const soon = later(60_000);
    expect(await run(soon)).toMatchObject({ failed: 2, begun: 1 });
    // They go behind the others, instead of being the first of each run.
    for (const { id } of unreadable) {
      const record = await api.clients.documents.get(`erasures/user_${id}`);
      expect(record?.['dueAt']).toEqual(new Date(soon.getTime() + 300_000));
    }
    expect(await run(later(3 * HOUR_MS))).toMatchObject({ failed: 2, completed: 1 });
  });

  it('leaves an order alone that was given while it ran', async () => {
    const { phone } = await aliceAndBob();
    await phone.eraseMe();
    const path = `erasures/${userPath('alice')}`;
    const newer = { requestedAt: later(2 * HOUR_MS), dueAt: later(2 * HOUR_MS) };
    const { transaction } = api.services.documents;
    let given = false;
    const slow = {
      ...api.services,
      documents: {
        ...api.services.documents,
        transaction: (async (work) => {
          if (!given) {
            given = true;
            const record = (await api.clients.documents.get(path)) ?? {};
            await api.clients.documents.set(path, { ...record, ...newer });
          }
          return transaction(work);
        }) as DocumentStore['transaction'],
      },
    };
    await runErasures(slow, later(HOUR_MS + 60_000));
    expect(await api.clients.documents.get(path)).toMatchObject(newer);
  });

  it('leaves the ledger whole', async () => {
    const { phone } = await aliceAndBob();
    await appendBlocks(api.services, later(HOUR_MS));
    const { documents } = api.clients;
    expect(await verifyLedger(documents, later(0))).toMatchObject({ grants: 5, erased: 0 });
    await phone.eraseMe();
    await run();
    const report = await verifyLedger(documents, later(0));
    expect(report).toMatchObject({ grants: 5, erased: 3 });
    expect(report.fault).toBeUndefined();
    expect(JSON.stringify(await documents.get('ledger/000000000001'))).not.toContain(
      api.userId('alice'),
    );
  });
});

describe('the export', () => {
  it('holds all that names the user, nobody else, and no judgement', async () => {
    const { devices, grants } = await aliceAndBob();
    const exported = await api.api('alice').exportMe();
    const text = JSON.stringify(exported);
    for (const each of [...devices, ...grants.map(({ grantId }) => grantId), 'alice-own']) {
      expect(text).toContain(each);
    }
    expect(exported).toMatchObject({ user: api.userId('alice'), complete: true, erasure: null });
    // Of the user his grants, enrolments and exports; of each of his two devices its grants, of one its reports.
    expect(exported['limits']).toHaveLength(6);
    expect(text).not.toContain(api.userId('bob'));
    expect(text).not.toMatch(/"score"|"spans"|wrappedKey|vaultObject|"salt"/);
    await api.phone('alice').grant('smile');
  });
});

describe('retiring a device', () => {
  it('ends its grants and renewals, and what lies in delivery', async () => {
    const { phone, grants, devices } = await aliceAndBob();
    await phone.retireDevice();
    expect(await run()).toMatchObject({ completed: 1 });
    const [own] = grants;
    const data = (await api.clients.documents.get(grantPath(own?.grantId ?? ''))) ?? {};
    expect(readGrant(data)).toMatchObject({ state: 'revoked' });
    expect((await naming(own?.grantId ?? '')).filter((place) => place.includes('sealed'))).toEqual(
      [],
    );
    expect(await api.clients.documents.get(`devices/${devices[0]}`)).toMatchObject({
      retiredAt: expect.any(Date),
      ...{ publicKey: '', receipt: null, phone: null, serialNumbers: [], signCount: 0 },
      expireAt: expect.any(Date),
    });
    // Enrolled anew it is another device, and what it holds of the old one must go.
    const { erase } = await phone.report([], [own?.grantId ?? '']);
    expect(erase).toEqual([own?.grantId]);
  });

  it('may be asked of another device of the same user, and of nobody else', async () => {
    const { bobs, pixel, devices } = await aliceAndBob();
    const retire = async (user: string, by: typeof bobs | typeof pixel, target: string) => {
      const client = api.api(user);
      const challenge = await client.challenge('device.retire');
      const deviceId = (await by.grant('smile')).deviceId;
      const keyHandle = handles.get(by) ?? '';
      const { appVersion } = by.platform;
      const data = { type: 'device.retire', challenge, deviceId, target, appVersion };
      const bytes = Buffer.from(JSON.stringify(data));
      const proof = await by.platform.prove(keyHandle, createHash('sha256').update(bytes).digest());
      return client.retire(target, { clientData: bytes.toString('base64url'), proof });
    };
    const handles = new Map<unknown, string>();
    for (const by of [bobs, pixel]) {
      const { createAttestedKey } = by.platform;
      by.platform.createAttestedKey = async (hash) => {
        const made = await createAttestedKey.call(by.platform, hash);
        handles.set(by, made.keyHandle);
        return made;
      };
      await by.enrol();
    }
    await expect(retire('bob', bobs, devices[0] ?? '')).rejects.toMatchObject({
      code: 'device_unknown',
    });
    await expect(retire('alice', pixel, devices[0] ?? '')).resolves.toMatchObject({
      deviceId: devices[0],
    });
    await expect(retire('alice', pixel, devices[0] ?? '')).resolves.toBeDefined();
  });
});

describe('what is left of a grant', () => {
  it('is no grant to anybody', () => {
    expect(readGrant({ state: 'erased' })).toBeUndefined();
    expect(Object.keys(erasedGrantDocument({} as never))).not.toContain('user');
  });
});

/** What somebody who can write the database, and sign nothing, makes of devices and owners. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { outcomeOf, SUCCEEDED } from '../../test/attack/attack.ts';
import {
  type Caller,
  clientData,
  grantData,
  post,
  postGrant,
  proven,
  withIphone,
} from '../../test/attack/requests.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { retireByOperator } from '../privacy/retire-device.ts';
import { devicePath } from './devices.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi({ GRANTS_PER_USER_MINUTE: '1000', GRANTS_PER_DEVICE_MINUTE: '1000' });
  await api.publish('smile', Buffer.alloc(500, 'model '), { format: 'opaque' });
  const owner = api.userId('ann');
  await api.publish('ann-own', Buffer.alloc(500, 'model '), { format: 'opaque', owner });
});
afterAll(() => api.close());

let users = 0;
let thief: Caller;
beforeEach(async () => {
  users += 1;
  thief = await withIphone(api, `thief-${users}`);
});

const pathOf = ({ enrolment }: Caller) => devicePath(enrolment.deviceId);
const read = async (path: string) => (await api.clients.documents.get(path)) ?? {};
const write = async (path: string, fields: DocumentData) =>
  api.clients.documents.set(path, { ...(await read(path)), ...fields });
const grant = async (from: Caller, model = 'smile') =>
  outcomeOf(postGrant(from, { ...(await grantData(from)), modelId: model }, model));
const report = async (from: Caller) =>
  outcomeOf(
    post(api, '/v1/events', await proven(from, await clientData(from, 'events', { events: [] })), {
      user: from.user,
    }),
  );
const lines = (message: string) => api.logs.filter((line) => line.includes(message)).length;

describe('the record of a device', () => {
  it('is taken as it was enrolled, whatever calls move in it', async () => {
    expect(await grant(thief)).toBe(SUCCEEDED);
    await write(pathOf(thief), { appVersion: '9.9.9', receiptDueAt: null });
    expect(await grant(thief)).toBe(SUCCEEDED);
    expect(await report(thief)).toBe(SUCCEEDED);
    expect(lines('device record not as it was sealed')).toBe(0);
  });

  it.each([
    ['another attestation', { assurance: 'basic' }],
    ['another app', { appId: 'ABCDE12345.example.other' }],
    ['another platform', { platform: 'android' }],
    ['another environment', { environment: 'development' }],
    ['a younger attestation', { enrolledAt: new Date() }],
    ['a later approval', { approvedFrom: new Date(0) }],
    ['another past of the phone', { phone: { accounts: 0, blocked: false } }],
    ['certificates that nobody revokes', { serialNumbers: ['ab'] }],
    ['no seal', { seal: '' }],
    ['half a seal', { seal: 'a.b.c' }],
  ] as readonly (readonly [string, DocumentData])[])('with %s is none', async (_, fields) => {
    await write(pathOf(thief), fields);
    const before = lines('device record not as it was sealed');
    expect(await grant(thief)).toBe('403 device_unknown');
    expect(await report(thief)).toBe('403 device_unknown');
    expect(lines('device record not as it was sealed')).toBe(before + 2);
  });

  it('is nobody else’s, by its own seal or by another device’s', async () => {
    const victim = await withIphone(api, `victim-${users}`);
    const stolen = await read(pathOf(victim));
    const own = await read(pathOf(thief));
    // A genuine key of the thief's in the victim's name.
    await write(pathOf(thief), { user: api.userId(victim.user) });
    expect(await grant({ ...thief, user: victim.user })).toBe('403 device_unknown');
    await write(pathOf(thief), { ...own, seal: stolen['seal'] ?? '' });
    expect(await grant(thief)).toBe('403 device_unknown');
    // The victim's record under the thief's id, with the thief's key or the victim's.
    await write(pathOf(thief), { ...stolen, publicKey: own['publicKey'] ?? '' });
    expect(await grant({ ...thief, user: victim.user })).toBe('403 device_unknown');
    await api.clients.documents.set(pathOf(thief), stolen);
    expect(await grant({ ...thief, user: victim.user })).toBe('403 device_unknown');
    await api.clients.documents.set(pathOf(thief), own);
    expect(await grant(thief)).toBe(SUCCEEDED);
  });

  it('is not sealed under another key, nor by the owner’s seal', async () => {
    const model = await read('models/ann-own');
    await write(pathOf(thief), { seal: model['ownerSeal'] ?? '' });
    expect(await grant(thief)).toBe('403 device_unknown');
  });

  it('is not made good by an approval', async () => {
    const [first, second] = [thief, await withIphone(api, thief.user)];
    await write(pathOf(second), { assurance: 'basic' });
    const target = second.enrolment.deviceId;
    const request = await proven(first, await clientData(first, 'device.approve', { target }));
    const call = post(api, `/v1/devices/${target}/approvals`, request, { user: first.user });
    expect(await outcomeOf(call)).toBe('403 device_unknown');
  });

  it('is sealed anew when it is approved', async () => {
    const [first, second] = [thief, await withIphone(api, thief.user)];
    const target = second.enrolment.deviceId;
    const request = await proven(first, await clientData(first, 'device.approve', { target }));
    const call = post(api, `/v1/devices/${target}/approvals`, request, { user: first.user });
    expect(await outcomeOf(call)).toBe(SUCCEEDED);
    expect(await grant(second)).toBe(SUCCEEDED);
  });

  it('of a retired device holds no key that could come back', async () => {
    await retireByOperator(api.clients.documents, thief.enrolment.deviceId, new Date());
    await write(pathOf(thief), { retiredAt: null });
    expect(await grant(thief)).toBe('403 device_unknown');
  });
});

describe('the owner of a model', () => {
  const path = 'models/ann-own';

  it('is who the publisher sealed it for, and nobody that the database says', async () => {
    const ann = await withIphone(api, 'ann');
    expect(await grant(ann, 'ann-own')).toBe(SUCCEEDED);
    const before = await read(path);
    try {
      await write(path, { owner: api.userId(thief.user) });
      expect(await grant(thief, 'ann-own')).toBe('503 unavailable');
      await write(path, { owner: null });
      expect(await grant(thief, 'ann-own')).toBe('503 unavailable');
      const open = await read('models/smile');
      await write(path, { owner: null, ownerSeal: open['ownerSeal'] ?? '' });
      expect(await grant(thief, 'ann-own')).toBe('503 unavailable');
    } finally {
      await api.clients.documents.set(path, before);
    }
  });

  it('is the same under another name of the model', async () => {
    await api.clients.documents.set('models/gift', { ...(await read(path)), owner: null });
    expect(await grant(thief, 'gift')).toBe('503 unavailable');
    expect(lines('model record not as it was sealed')).toBeGreaterThan(0);
  });
});

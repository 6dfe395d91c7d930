import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { readDevice } from '../identity/devices.ts';
import { retireRevoked } from './revocations.ts';

let api: ApiHarness;
let now: Date;
beforeEach(async () => {
  now = new Date();
  api = await startApi({}, (services) => ({ ...services, now: () => now }));
  await api.publish('smile', Buffer.from('model'), { format: 'opaque' });
});
afterEach(() => api.close());

const run = async () => {
  const response = await fetch(`${api.baseUrl}/internal/revocations`, { method: 'POST' });
  expect(response.status).toBe(200);
  return await response.json();
};
const recordOf = async (deviceId: string) =>
  readDevice((await api.clients.documents.get(`devices/${deviceId}`)) ?? {});
const eventsOf = async (type: string) => {
  await api.clients.publisher.idle();
  return api.events.filter((event) => event['type'] === type);
};

describe('a revocation after the enrolment', () => {
  it('retires the devices it concerns, and no other, within one run', async () => {
    const thief = api.pixel('mallory');
    const phone = api.pixel('alice');
    const iphone = api.phone('bob');
    const { deviceId } = await thief.grant('smile');
    const genuine = [await phone.grant('smile'), await iphone.grant('smile')];
    expect((await recordOf(deviceId)).serialNumbers).toContain(
      thief.platform.keystore.serialNumber,
    );

    expect(await run()).toMatchObject({ retired: 0, outage: false });
    api.vendors.revoke(thief.platform.keystore.serialNumber);
    expect(await run()).toMatchObject({ listed: 1, retired: 1, failed: 0, incomplete: false });
    expect(await recordOf(deviceId)).toMatchObject({ retiredAt: now, serialNumbers: [] });
    for (const { deviceId: other } of genuine) {
      expect((await recordOf(other)).retiredAt).toBeNull();
    }
    expect(await eventsOf('device.revoked')).toEqual([
      expect.objectContaining({
        device: deviceId,
        user: api.userId('mallory'),
        cause: 'certificate-revoked',
        attributes: { status: 'REVOKED KEY_COMPROMISE' },
      }),
    ]);

    // Found no more, refused from now on, and refused anew where the keybox is all that he has.
    expect(await run()).toMatchObject({ retired: 0 });
    // The list that enrolment holds is fresh for a second.
    await new Promise((done) => setTimeout(done, 1100));
    await expect(thief.grant('smile')).rejects.toMatchObject({ code: 'attestation_failed' });
    await expect(phone.grant('smile')).resolves.toBeDefined();
  });

  it('lets a genuine phone in again, which Google has given other certificates', async () => {
    const phone = api.pixel('alice');
    const { deviceId } = await phone.grant('smile');
    api.vendors.revoke(phone.platform.keystore.serialNumber);
    await run();
    phone.platform.keystore.provisionAnew();
    now = new Date(now.getTime() + 60_000);
    const again = await phone.grant('smile');
    expect(again.deviceId).not.toBe(deviceId);
  });

  it('revokes the grants of such a device behind it', async () => {
    const thief = api.pixel('mallory');
    const { deviceId } = await thief.grant('smile');
    api.vendors.revoke(thief.platform.keystore.serialNumber);
    await run();
    const erasures = await api.clients.documents.query({ collection: 'erasures', limit: 9 });
    expect(JSON.stringify(erasures)).toContain(deviceId);
  });

  it('changes nothing while the list cannot be had, and is found by the next run', async () => {
    const thief = api.pixel('mallory');
    const { deviceId } = await thief.grant('smile');
    api.vendors.revoke(thief.platform.keystore.serialNumber);
    const down: typeof fetch = async () => new Response('', { status: 503 });
    expect(await retireRevoked(api.services, down, now)).toMatchObject({
      outage: true,
      retired: 0,
    });
    expect((await recordOf(deviceId)).retiredAt).toBeNull();
    expect(await run()).toMatchObject({ outage: false, retired: 1 });
  });

  it('goes on past a device that cannot be retired', async () => {
    const [first, second] = [api.pixel('mallory'), api.pixel('trudy')];
    const { deviceId } = await first.grant('smile');
    await second.grant('smile');
    for (const { platform } of [first, second]) api.vendors.revoke(platform.keystore.serialNumber);
    const { documents } = api.clients;
    const data = await documents.get(`devices/${deviceId}`);
    await documents.set(`devices/${deviceId}`, { ...data, assurance: 'none of ours' });
    expect(await run()).toMatchObject({ retired: 1, failed: 1 });
  });

  it('is looked up for a list of any length', async () => {
    const thief = api.pixel('mallory');
    await thief.grant('smile');
    for (let n = 0; n < 100; n++) api.vendors.revoke((0xabc000 + n).toString(16));
    api.vendors.revoke(thief.platform.keystore.serialNumber);
    expect(await run()).toMatchObject({ listed: 101, retired: 1 });
  });
});

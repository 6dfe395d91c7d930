import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LOCAL_ANDROID_APP } from '../../test/doubles/vendors.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { VirtualPlayIntegrity } from '../../test/virtual-phones/play-integrity.ts';
import { createTestRoots } from '../../test/virtual-phones/test-roots.ts';
import { ROOTED } from '../../test/virtual-phones/virtual-pixel.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi({ MAX_DEVICES_PER_USER: '2', DEVICE_COOLING_OFF_SECONDS: '0' });
  await api.publish('smile', randomBytes(50_000), { format: 'opaque' });
});
afterAll(() => api.close());

const deviceOf = async (id: string) => api.clients.documents.get(`devices/${id}`);

describe('a virtual Pixel', () => {
  it('enrols by key attestation and Play Integrity, and is granted a model', async () => {
    const pixel = api.pixel('paula', { strongBox: true });
    const { deviceId } = await pixel.enrol();
    expect(await deviceOf(deviceId)).toMatchObject({ platform: 'android', assurance: 'strong' });
    await expect(pixel.grant('smile')).resolves.toMatchObject({ deviceId });
    await expect(pixel.grant('smile')).resolves.toMatchObject({ deviceId });
  });

  it.each([
    ['a rooted one', { overrides: ROOTED }, 'device_not_trusted', 'boot-not-verified'],
    ['another root', { roots: createTestRoots() }, 'attestation_failed', 'chain-untrusted'],
    [
      'another signing certificate',
      { signingCertificateDigest: randomBytes(32) },
      'device_not_trusted',
      'signing-certificate-mismatch',
    ],
    [
      'a key in software',
      { overrides: { attestationSecurityLevel: 0, keyMintSecurityLevel: 0 } },
      'device_not_trusted',
      'security-level-low',
    ],
    [
      'a token that Google did not issue',
      { playIntegrity: new VirtualPlayIntegrity(LOCAL_ANDROID_APP) },
      'device_not_trusted',
      'integrity-token-malformed',
    ],
    ['another package', { packageName: 'com.example.copy' }, 'device_not_trusted', 'app-unknown'],
  ])('is refused with %s', async (what, options, code, reason) => {
    const user = `thief with ${what}`;
    await expect(api.pixel(user, options).enrol()).rejects.toMatchObject({ code });
    await api.clients.publisher.idle();
    expect(api.events).toContainEqual(
      expect.objectContaining({
        type: 'device.refused',
        user: api.userId(user),
        cause: code,
        attributes: { reason },
      }),
    );
  });

  it('is refused once its keybox is on the revocation list', async () => {
    const pixel = api.pixel('rosa');
    await pixel.enrol();
    api.vendors.revoke(pixel.platform.keystore.serialNumber);
    await new Promise((done) => setTimeout(done, 1200));
    await expect(pixel.enrol()).rejects.toMatchObject({ code: 'attestation_failed' });
  });

  it('cannot prove with the format of the other platform, or with another key', async () => {
    const pixel = api.pixel('quentin');
    const iphone = api.phone('quentin');
    await pixel.enrol();
    await iphone.enrol();
    const stolen = { ...pixel.platform, prove: iphone.platform.prove };
    Object.assign(pixel.platform, { prove: stolen.prove });
    await expect(pixel.grant('smile')).rejects.toBeDefined();
    const other = api.pixel('quentin');
    const handle = (await other.platform.createAttestedKey(randomBytes(32))).keyHandle;
    Object.assign(pixel.platform, {
      prove: (_handle: string, hash: Uint8Array) => other.platform.prove(handle, hash),
    });
    await expect(pixel.grant('smile')).rejects.toMatchObject({ code: 'proof_invalid' });
  });
});

describe('the devices of a user', () => {
  it('are so many at a time: the oldest makes room, and is unknown then', async () => {
    const [first, second, third] = [api.phone('max'), api.pixel('max'), api.phone('max')];
    const ids = [];
    for (const device of [first, second, third]) ids.push((await device.enrol()).deviceId);
    const retired = await Promise.all(ids.map(async (id) => (await deviceOf(id))?.['retiredAt']));
    expect(retired.map((date) => date !== null)).toEqual([true, false, false]);
    await expect(third.grant('smile')).resolves.toBeDefined();
    // A client whose device was retired enrols anew by itself.
    await expect(first.grant('smile')).resolves.toBeDefined();
  });

  it('a new key retires the one it replaces', async () => {
    const phone = api.phone('nell');
    const { deviceId: old } = await phone.enrol();
    const { deviceId } = await phone.enrol();
    expect(deviceId).not.toBe(old);
    expect(await deviceOf(old)).toMatchObject({ retiredAt: expect.any(Date) });
  });

  it('attest anew when their attestation has grown old', async () => {
    const phone = api.phone('olga');
    const { deviceId } = await phone.enrol();
    const stored = (await deviceOf(deviceId)) ?? {};
    const enrolledAt = new Date(Date.now() - 91 * 86_400_000);
    await api.clients.documents.set(`devices/${deviceId}`, { ...stored, enrolledAt });
    const grant = await phone.grant('smile');
    expect(grant.deviceId).not.toBe(deviceId);
  });

  it('attest anew when scoring asks for it', async () => {
    const phone = api.phone('pia');
    const { deviceId } = await phone.enrol();
    await api.clients.documents.set(`blocklist/user_${api.userId('pia')}`, {
      stepUpSince: new Date(Date.now() + 1),
      stepUpUntil: new Date(Date.now() + 60_000),
    });
    await new Promise((done) => setTimeout(done, 5));
    const grant = await phone.grant('smile');
    expect(grant.deviceId).not.toBe(deviceId);
  });
});

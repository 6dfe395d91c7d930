import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { openGrant } from '../../sdk/typescript/opening/open-grant.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { versionFor } from '../catalogue/model-record.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { streamOf } from '../protocol/bytes.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { generateRecipientKey } from '../protocol/hpke.ts';
import { verifyLicence } from '../protocol/licence.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { type AdmittedGrant, updateGranted } from './grant-record.ts';
import { seal } from './seal.ts';

const SUITE = 'P256-HKDF-SHA256-AES256GCM';
let api: ApiHarness;
let model: Buffer;
beforeAll(async () => {
  api = await startApi();
  await api.publish('plain', randomBytes(300_000), { format: 'opaque' });
  model = await readFile('node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite');
  await api.publish('traced', model, { tracing: 'standard' });
});
afterAll(() => api.close());

async function admitted(modelId: string): Promise<AdmittedGrant> {
  const data = await api.clients.documents.get(`models/${modelId}`);
  return {
    grantId: `g_${toBase64url(randomBytes(16))}`,
    userId: 'u_1',
    deviceId: 'd_1',
    recipientKey: (await generateRecipientKey(SUITE)).publicKey,
    suite: SUITE,
    version: versionFor(data, 'latest', 'u_1', new Date()),
  };
}
const withObjects = (changes: Partial<ObjectStore>) => ({
  ...api.services,
  objects: { ...api.clients.objects, ...changes },
});
const sealedNames = async () =>
  (await Array.fromAsync(api.clients.objects.list('test-sealed', ''))).map(({ name }) => name);

/** The copy that a new phone of this user gets and opens. */
async function copyOf(user: string, modelId: string) {
  const phone = api.phone(user);
  const grant = await phone.grant(modelId);
  const object = (await sealedNames()).find((name) => name.endsWith(grant.grantId)) ?? '';
  const pinnedKeys = [
    ...(await api.clients.keys.publicKeys('manifest')),
    ...(await api.clients.keys.publicKeys('licence')),
  ];
  const accepted = await acceptGrant(nodeCrypto, {
    grant,
    expected: { deviceId: grant.deviceId, model: modelId },
    recipientKey: grant.recipientKey,
    pinnedKeys,
    now: new Date(),
  });
  const download = api.clients.objects.read('test-sealed', object);
  const bytes = await openGrant(nodeCrypto, accepted, download);
  return { phone, grant, licence: accepted.licence, manifest: accepted.manifest, bytes };
}
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url');
const recordOf = async (grantId: string) =>
  (await api.clients.documents.get(`grants/${grantId}`)) ?? {};

describe('a model that is published to be traced', () => {
  it('comes to each user in a copy of his own, which his licence and his record name', async () => {
    const [ann, bob] = [await copyOf('ann', 'traced'), await copyOf('bob', 'traced')];
    expect(Buffer.compare(ann.bytes, bob.bytes)).not.toBe(0);
    for (const { grant, bytes, licence, manifest } of [ann, bob]) {
      expect(licence.sha256).toBe(digestOf(bytes));
      expect(licence.sha256).not.toBe(manifest.sha256);
      expect(await recordOf(grant.grantId)).toMatchObject({
        state: 'granted',
        sha256: licence.sha256,
      });
      const outside = model.slice();
      for (const { offset, length } of manifest.layers) {
        outside.set(bytes.subarray(offset, offset + length), offset);
      }
      expect(Buffer.compare(outside, bytes)).toBe(0);
    }
  });

  it('is renewed by the digest of the copy, and by no other', async () => {
    const { phone, grant, licence, manifest } = await copyOf('cleo', 'traced');
    await expect(phone.renew(grant.grantId, manifest.sha256)).rejects.toMatchObject({
      code: 'grant_unknown',
    });
    const { licence: token } = await phone.renew(grant.grantId, licence.sha256);
    const keys = await api.clients.keys.publicKeys('licence');
    const renewed = await verifyLicence(nodeCrypto, token, keys);
    expect(renewed.sha256).toBe(licence.sha256);
  });

  it('comes as it was published where it is not traced', async () => {
    const { bytes, licence, manifest } = await copyOf('dan', 'plain');
    expect(licence.sha256).toBe(manifest.sha256);
    expect(digestOf(bytes)).toBe(manifest.sha256);
  });
});

describe('sealing that fails', () => {
  it.each(['plain', 'traced'])('touches no byte of %s for a key that is none', async (modelId) => {
    let touched = false;
    const services = withObjects({
      read: (bucket, name) => {
        touched ||= name.endsWith('.vault');
        return api.clients.objects.read(bucket, name);
      },
    });
    const grant = { ...(await admitted(modelId)), recipientKey: new Uint8Array(65).fill(4) };
    await expect(seal(services, grant, new Date())).rejects.toMatchObject({
      code: 'request_invalid',
      reason: 'recipient-key-invalid',
    });
    expect(touched).toBe(false);
  });

  it('leaves no object of a marked copy that nobody has a licence for', async () => {
    const before = await sealedNames();
    const licences = { issue: async () => Promise.reject(new Error('no delegate')) };
    const unlicensed = seal({ ...api.services, licences }, await admitted('traced'), new Date());
    await expect(unlicensed).rejects.toThrow();
    // No such grant is on record, so that its digest cannot be noted.
    await expect(seal(api.services, await admitted('traced'), new Date())).rejects.toThrow();
    expect(await sealedNames()).toEqual(before);
  });

  it('is not handed out where an erasure or the end of its device came before its end', async () => {
    const before = await sealedNames();
    for (const state of ['erased', 'revoked']) {
      const grant = await admitted('traced');
      await api.clients.documents.set(`grants/${grant.grantId}`, { state });
      await expect(seal(api.services, grant, new Date())).rejects.toMatchObject({
        code: 'grant_unknown',
        reason: 'grant_ended',
      });
      expect(
        await updateGranted(api.clients.documents, grant.grantId, {
          sha256: 'x',
          fingerprint: null,
        }),
      ).toBe(false);
      expect(await recordOf(grant.grantId)).toEqual({ state });
    }
    expect(await sealedNames()).toEqual(before);
  });

  it('leaves no object where the URL is refused while the upload is past stopping', async () => {
    const before = await sealedNames();
    const finished = Promise.withResolvers<void>();
    const objects: Partial<ObjectStore> = {
      // The service has all bytes when the signal comes, and the object appears a moment later.
      write: async (bucket, name, body) => {
        const bytes = Buffer.concat(await Array.fromAsync(body));
        await new Promise((done) => setTimeout(done, 50));
        const info = await api.clients.objects.write(bucket, name, streamOf(bytes));
        finished.resolve();
        return info;
      },
    };
    const urls = { signReadUrl: async () => Promise.reject(new Error('no key of the day')) };
    const services = { ...withObjects(objects), urls };
    const sealing = seal(services, await admitted('plain'), new Date());
    await expect(sealing).rejects.toThrow('no key of the day');
    await finished.promise;
    expect(await sealedNames()).toEqual(before);
  });
});

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/api-harness.ts';
import { versionFor } from '../catalogue/model-record.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { toBase64url } from '../encoding.ts';
import { generateRecipientKey } from '../sealing/hpke.ts';
import { type AdmittedGrant, sealModel } from './seal-model.ts';

const SUITE = 'P256-HKDF-SHA256-AES256GCM';
let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
  await api.publish('plain', randomBytes(300_000), { format: 'opaque' });
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
    version: versionFor(data, 'latest', 'u_1'),
  };
}
const withObjects = (changes: Partial<ObjectStore>) => ({
  ...api.services,
  objects: { ...api.clients.objects, ...changes },
});
const sealedNames = async () =>
  (await Array.fromAsync(api.clients.objects.list('test-sealed', ''))).map(({ name }) => name);

describe('sealing that fails', () => {
  it('leaves no object where the URL is refused while the upload is past stopping', async () => {
    const finished = Promise.withResolvers<void>();
    const services = withObjects({
      signReadUrl: async () => Promise.reject(new Error('signBlob is denied')),
      // The service has all bytes when the signal comes, and the object appears a moment later.
      write: async (bucket, name, body) => {
        const bytes = Buffer.concat(await Array.fromAsync(body));
        await new Promise((done) => setTimeout(done, 50));
        const info = await api.clients.objects.write(bucket, name, once(bytes));
        finished.resolve();
        return info;
      },
    });
    const sealing = sealModel(services, await admitted('plain'), new Date());
    await expect(sealing).rejects.toThrow('signBlob is denied');
    await finished.promise;
    expect(await sealedNames()).toEqual([]);
  });
});

async function* once(bytes: Uint8Array) {
  yield bytes;
}

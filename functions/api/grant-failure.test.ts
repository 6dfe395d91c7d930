/** What the service tells itself of a grant that was decided and whose copy could not be sealed: `grant.failed`. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { readModel } from '../catalogue/model-record.ts';
import { collect, streamOf } from '../protocol/bytes.ts';
import { toBase64url } from '../protocol/encoding.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.delivered();
  api.events.length = 0;
});

const told = (type: string) => api.events.filter((event) => event['type'] === type);

/** Replaces what lies in the vault of a version; with nothing, where `change` gives undefined. */
async function spoil(model: string, change: (bytes: Uint8Array) => Uint8Array | undefined) {
  const { objects, documents } = api.clients;
  const { versions } = readModel((await documents.get(`models/${model}`)) ?? {});
  const { vault } = api.services.config.buckets;
  const name = versions['1.0.0']?.vaultObject ?? '';
  const bytes = await collect(objects.read(vault, name), 100_000);
  await objects.delete(vault, name);
  const changed = change(bytes);
  if (changed) await objects.write(vault, name, streamOf(changed));
}

describe('a version that cannot be sealed', () => {
  it.each([
    ['is gone', () => undefined],
    ['is cut', (bytes: Uint8Array) => bytes.slice(0, -1)],
    [
      'has a bit turned',
      (bytes: Uint8Array) => bytes.map((byte, at) => (at === bytes.length - 9 ? byte ^ 1 : byte)),
    ],
  ])('tells of it where what lies in the vault %s, and hands out nothing', async (what, change) => {
    const model = `m-${what.replaceAll(' ', '-')}`;
    await api.publish(model, Buffer.alloc(9_000, 7), { format: 'opaque', version: '1.0.0' });
    await spoil(model, change);
    const phone = api.phone(`ann of ${model}`);
    const { deviceId } = await phone.enrol();
    await expect(phone.grant(model)).rejects.toMatchObject({ status: 500 });
    await api.delivered();
    const failed = told('grant.failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const event of failed) {
      expect(event).toMatchObject({ model, version: '1.0.0', device: deviceId, outcome: 'failed' });
      const grant = await api.clients.documents.get(`grants/${String(event['grant'])}`);
      expect(grant).toMatchObject({ state: 'failed' });
    }
    const { sealed } = api.services.config.buckets;
    expect(await Array.fromAsync(api.clients.objects.list(sealed, ''))).toEqual([]);
  });

  it('is not what tells of a caller whose key is none', async () => {
    await api.publish('sound', Buffer.alloc(900, 7), { format: 'opaque', version: '1.0.0' });
    const phone = api.phone('ben');
    const { deviceId, keyHandle } = await phone.enrol();
    const data = {
      type: 'model.grant',
      challenge: await api.api('ben').challenge('model.grant'),
      deviceId,
      modelId: 'sound',
      version: 'latest',
      // As long as a point, and none of the curve.
      recipientKey: toBase64url(new Uint8Array(65).fill(4)),
      suite: 'P256-HKDF-SHA256-AES256GCM',
      appVersion: '1.0.0',
    };
    const bytes = Buffer.from(JSON.stringify(data));
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', bytes));
    const proof = await phone.platform.prove(keyHandle, hash);
    const asked = api.api('ben').grant('sound', { clientData: toBase64url(bytes), proof });
    await expect(asked).rejects.toMatchObject({ code: 'request_invalid', status: 422 });
    await api.delivered();
    expect(told('grant.made')).toHaveLength(1);
    expect(told('grant.failed')).toEqual([]);
  });
});

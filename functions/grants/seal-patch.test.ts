import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { openGrant } from '../../sdk/typescript/opening/open-grant.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { applyPatch } from '../../test/support/apply-patch.ts';
import { safetensorsFile } from '../../test/support/model-files.ts';
import { readModel } from '../catalogue/model-record.ts';
import { revokeModel } from '../catalogue/revoke-model.ts';
import { collect } from '../protocol/bytes.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { grantPath } from './grant-record.ts';

const BACKBONE = 1 << 20;
const HEAD = 4096;

/** The same for the same seed, with nothing that repeats. */
const bytesOf = (seed: number, count: number) =>
  new Uint8Array(count).map(
    (_, i) => Math.imul(Math.imul(i + seed * 7919, 2654435761) ^ i, 40503) >>> 17,
  );

/** A quantised backbone, the same each time, with a head of this training. */
function modelOf(training: number): Uint8Array {
  const tensor = (from: number, to: number, columns: number) => ({
    dtype: 'I8',
    shape: [(to - from) / columns, columns],
    data_offsets: [from, to],
  });
  const header = {
    backbone: tensor(0, BACKBONE, 512),
    head: tensor(BACKBONE, BACKBONE + HEAD, 64),
  };
  const data = Buffer.concat([bytesOf(1, BACKBONE), bytesOf(training, HEAD)]);
  return safetensorsFile(header, data);
}

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi({ DEVICE_COOLING_OFF_SECONDS: '0' });
  for (const [modelId, tracing] of [
    ['plain', 'off'],
    ['resistant', 'resistant'],
    ['standard', 'standard'],
    ['small', 'resistant'],
  ] as const) {
    const options = { tracing, format: 'safetensors' } as const;
    await api.publish(modelId, modelOf(2), { ...options, version: '1.0.0' });
    await api.publish(modelId, modelOf(3), { ...options, version: '2.0.0' });
  }
});
afterAll(() => api.close());

type Phone = ReturnType<ApiHarness['phone']>;

/** What lies in the bucket for a grant, and how the device opens it. */
async function granted(phone: Phone, modelId: string, version: string, base?: string) {
  const grant = await phone.grant(modelId, version, base);
  const names = await Array.fromAsync(api.clients.objects.list('test-sealed', ''));
  const { name } = names.find((each) => each.name.endsWith(grant.grantId)) ?? { name: '' };
  const sealed = await collect(api.clients.objects.read('test-sealed', name));
  expect(sealed.byteLength).toBe(grant.sizeBytes);
  const accepted = await acceptGrant(nodeCrypto, {
    grant,
    expected: { deviceId: grant.deviceId, model: modelId, version },
    recipientKey: grant.recipientKey,
    pinnedKeys: [
      ...(await api.clients.keys.publicKeys('manifest')),
      ...(await api.clients.keys.publicKeys('licence')),
    ],
    now: new Date(),
  });
  return { grant, sealed, accepted, sha256: accepted.licence.sha256 };
}
async function whole(phone: Phone, modelId: string, version: string) {
  const { sealed, accepted, ...rest } = await granted(phone, modelId, version);
  const stream = (async function* () {
    yield sealed;
  })();
  return { ...rest, bytes: await openGrant(nodeCrypto, accepted, stream) };
}
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url');

describe('a device that holds an older copy', () => {
  it.each([
    ['plain', 0.02],
    ['resistant', 0.02],
    ['standard', 0.5],
  ])('gets a patch of it: %s, at most %d of the whole', async (modelId, share) => {
    const phone = api.phone(`ann-${modelId}`);
    const old = await whole(phone, modelId, '1.0.0');
    const { grant, sealed, accepted, sha256 } = await granted(
      phone,
      modelId,
      '2.0.0',
      old.grant.grantId,
    );
    expect(grant.base).toBe(old.grant.grantId);
    expect(sealed.byteLength).toBeLessThan(share * old.bytes.byteLength);
    const made = await applyPatch(sealed, old.bytes, accepted.keys);
    expect(digestOf(made)).toBe(sha256);
    // The record, by which a leak is traced, has the copy that the patch makes.
    expect(await api.clients.documents.get(grantPath(grant.grantId))).toMatchObject({ sha256 });
  });

  it('has what a whole delivery would have given it, mark for mark', async () => {
    const phone = api.phone('bob');
    const old = await whole(phone, 'resistant', '1.0.0');
    const { sealed, accepted } = await granted(phone, 'resistant', '2.0.0', old.grant.grantId);
    const made = await applyPatch(sealed, old.bytes, accepted.keys);
    expect(Buffer.compare(made, (await whole(phone, 'resistant', '2.0.0')).bytes)).toBe(0);
  });

  it('gets back to the older version in the same way', async () => {
    const phone = api.phone('cleo');
    const { grant, bytes } = await whole(phone, 'plain', '2.0.0');
    const back = await granted(phone, 'plain', '1.0.0', grant.grantId);
    const made = await applyPatch(back.sealed, bytes, back.accepted.keys);
    expect(Buffer.compare(made, modelOf(2))).toBe(0);
  });
});

describe('the whole comes', () => {
  const isWhole = async (phone: Phone, modelId: string, base: string) => {
    const { grant, accepted, sealed } = await granted(phone, modelId, '2.0.0', base);
    expect(grant).not.toHaveProperty('base');
    const stream = (async function* () {
      yield sealed;
    })();
    return openGrant(nodeCrypto, accepted, stream);
  };

  it('for a grant that never was, another user’s, another device’s, and of another model', async () => {
    const [ann, eve] = [api.phone('dan'), api.phone('eve')];
    const own = await ann.grant('resistant', '1.0.0');
    const other = await ann.grant('plain', '1.0.0');
    await isWhole(eve, 'resistant', own.grantId);
    await isWhole(eve, 'resistant', `g_${'A'.repeat(22)}`);
    await isWhole(api.phone('dan'), 'resistant', own.grantId);
    await isWhole(ann, 'resistant', other.grantId);
  });

  it('where the grant failed, was taken back, or is of a version that was revoked', async () => {
    const phone = api.phone('fay');
    for (const state of ['failed', 'revoked', 'erased']) {
      const { grantId } = await phone.grant('plain', '1.0.0');
      await api.clients.documents.transaction(async (tx) => {
        await tx.getAll([grantPath(grantId)]);
        tx.update(grantPath(grantId), { state });
      });
      await isWhole(phone, 'plain', grantId);
    }
    const options = { format: 'safetensors', version: '1.0.0' } as const;
    await api.publish('recalled', modelOf(2), options);
    await api.publish('recalled', modelOf(3), { ...options, version: '2.0.0' });
    const { grantId } = await phone.grant('recalled', '1.0.0');
    await revokeModel(api.services, 'recalled', '1.0.0', new Date());
    await isWhole(phone, 'recalled', grantId);
  });

  it('where a patch would be too large, which is found out once', async () => {
    const phone = api.phone('gus');
    for (const training of [1, 2]) {
      const options = { format: 'opaque', version: `${training}.0.0` } as const;
      await api.publish('retrained', bytesOf(training, 300_000), options);
    }
    const { grantId } = await phone.grant('retrained', '1.0.0');
    api.logs.length = 0;
    await isWhole(phone, 'retrained', grantId);
    await isWhole(phone, 'retrained', grantId);
    expect(api.logs.filter((line) => line.includes('PatchTooLargeError'))).toHaveLength(1);
  });

  it('where the base is no longer in the vault', async () => {
    const phone = api.phone('hal');
    const { grantId } = await phone.grant('small', '1.0.0');
    const model = readModel((await api.clients.documents.get('models/small')) ?? {});
    const { vaultObject = '' } = model.versions['1.0.0'] ?? {};
    await api.clients.objects.delete('test-vault', vaultObject);
    await isWhole(phone, 'small', grantId);
  });
});

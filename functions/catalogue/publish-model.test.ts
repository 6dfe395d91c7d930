import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { sourceOf } from '../formats/random-access.ts';
import { streamOf } from '../protocol/bytes.ts';
import { deriveKeys } from '../protocol/key-schedule.ts';
import { verifyManifest } from '../protocol/manifest.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { openContainer } from '../protocol/stream.ts';
import { createHandler } from '../workers/publish.ts';
import { readModel, releaseOf, versionFor } from './model-record.ts';
import { publishModel } from './publish-model.ts';

const TFLITE = 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite';
let api: ApiHarness;
let bytes: Buffer;
beforeAll(async () => {
  api = await startApi();
  bytes = await readFile(TFLITE);
});
afterAll(() => api.close());

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('base64url');
const vaultNames = async () =>
  (await Array.fromAsync(api.clients.objects.list('test-vault', ''))).map(({ name }) => name);
const recordOf = async (id: string) => (await api.clients.documents.get(`models/${id}`)) ?? {};

async function readObject(name: string): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(api.clients.objects.read('test-vault', name)));
}

describe('publishModel', () => {
  it('encrypts a real model into the vault and signs what it is', async () => {
    const result = await api.publish('selfie', bytes);
    expect(result).toMatchObject({ outcome: 'published', format: 'tflite', sha256: sha256(bytes) });
    expect(result.weightBytes).toBeGreaterThan(bytes.length / 2);

    const version = versionFor(await recordOf('selfie'), 'latest', 'anybody', new Date());
    const token = Buffer.from(await readObject(version.manifestObject)).toString();
    const keys = await api.clients.keys.publicKeys('manifest');
    const manifest = await verifyManifest(nodeCrypto, token, keys);
    expect(manifest).toMatchObject({ model: 'selfie', version: '1.0.0', sha256: sha256(bytes) });

    const vault = await readObject(version.vaultObject);
    const layer = manifest.layers.reduce((a, b) => (a.length > b.length ? a : b));
    const weights = bytes.subarray(layer.offset, layer.offset + layer.length);
    expect(Buffer.from(vault).includes(weights.subarray(0, 64))).toBe(false);
    const dataKey = await api.services.versionKeys.unwrap(version, new Date());
    const source = api.clients.objects.read('test-vault', version.vaultObject);
    const opened = await openContainer(
      nodeCrypto,
      source,
      await deriveKeys(nodeCrypto, dataKey, 'vault'),
    );
    const parts = (await Array.fromAsync(opened.parts)).map((part) => part.bytes);
    expect(sha256(Buffer.concat(parts))).toBe(sha256(bytes));
  });

  it('binds the wrapped key to its version', async () => {
    const version = versionFor(await recordOf('selfie'), '1.0.0', 'anybody', new Date());
    await expect(api.services.versionKeys.unwrap(version, new Date())).resolves.toHaveLength(32);
    const moved = { ...version, version: '1.0.1' };
    await expect(api.services.versionKeys.unwrap(moved, new Date())).rejects.toThrow();
    const { createVersionKeys } = await import('./version-keys.ts');
    const fresh = createVersionKeys(api.clients.keys);
    await expect(fresh.unwrap(moved, new Date())).rejects.toThrow();
    await expect(fresh.unwrap(version, new Date())).resolves.toHaveLength(32);
  });

  it('the same bytes again change nothing; other bytes or another owner are refused', async () => {
    const before = await vaultNames();
    expect((await api.publish('selfie', bytes)).outcome).toBe('unchanged');
    const other = Uint8Array.from(bytes);
    const last = other.length - 1;
    other[last] = (other[last] ?? 0) ^ 1;
    await expect(api.publish('selfie', other)).rejects.toMatchObject({ code: 'version_conflict' });
    await expect(
      api.publish('selfie', bytes, { version: '2.0.0', owner: 'somebody' }),
    ).rejects.toMatchObject({ code: 'version_conflict', reason: 'owner' });
    expect(await vaultNames()).toEqual(before);
  });

  it('a new version becomes the latest, and the old one stays', async () => {
    await api.publish('selfie', bytes, { version: '2.0.0' });
    const model = readModel(await recordOf('selfie'));
    expect(releaseOf(model)?.offered.map(({ version }) => version)).toEqual(['2.0.0']);
    expect(Object.keys(model.versions).sort()).toEqual(['1.0.0', '2.0.0']);
  });

  it('signs how copies are marked: as the publisher says, or else as configured', async () => {
    const tracingOf = async (id: string) => {
      const version = versionFor(await recordOf(id), 'latest', 'anybody', new Date());
      return (await api.services.manifests.get(version)).policy.tracing;
    };
    expect(await tracingOf('selfie')).toBe('off');
    expect(await api.publish('traced', bytes, { tracing: 'light' })).toMatchObject({
      outcome: 'published',
      tracing: 'light',
    });
    expect(await tracingOf('traced')).toBe('light');

    const model = { ...sourceOf(bytes), stream: () => streamOf(bytes) };
    const config = { ...api.services.config, tracing: 'standard' as const };
    const services = { ...api.services, config };
    const request = { modelId: 'by-default', version: '1', owner: null, model };
    await publishModel(services, request, new Date());
    expect(await tracingOf('by-default')).toBe('standard');
  });

  it('does not take for traced what cannot bear marks', async () => {
    const opaque = { sizeBytes: 5000, read: () => bytes.subarray(0, 5000) };
    const model = { ...opaque, stream: () => streamOf(bytes.subarray(0, 5000)) };
    const request = { version: '1', owner: null, format: 'opaque', model } as const;
    const config = { ...api.services.config, tracing: 'light' as const };
    const services = { ...api.services, config };
    const asked = { ...request, modelId: 'asked', tracing: 'light' } as const;
    await expect(publishModel(services, asked, new Date())).rejects.toMatchObject({
      code: 'model_invalid',
      reason: 'too_few_weights_to_trace',
    });
    const configured = { ...request, modelId: 'configured' };
    await expect(publishModel(services, configured, new Date())).rejects.toMatchObject({
      reason: 'too_few_weights_to_trace',
    });
    const unmarked = { ...request, modelId: 'unmarked', tracing: 'off' } as const;
    expect((await publishModel(services, unmarked, new Date())).tracing).toBe('off');
  });

  it('does not change the tracing of a version that is out', async () => {
    expect((await api.publish('traced', bytes)).tracing).toBe('light');
    await expect(api.publish('traced', bytes, { tracing: 'off' })).rejects.toMatchObject({
      code: 'version_conflict',
      reason: 'tracing',
    });
  });

  it('refuses what is no model, and leaves nothing behind', async () => {
    const before = await vaultNames();
    for (const junk of [new Uint8Array(0), randomBytes(5000), bytes.subarray(0, 5000)]) {
      await expect(api.publish('junk', junk)).rejects.toMatchObject({ code: 'model_invalid' });
    }
    expect(await vaultNames()).toEqual(before);
    expect(await api.clients.documents.get('models/junk')).toBeUndefined();
  });

  it('of two at once, one stands', async () => {
    const models = [randomBytes(2000), randomBytes(2000)];
    const outcomes = await Promise.allSettled(
      models.map((model) => api.publish('race', model, { format: 'opaque' })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await vaultNames()).filter((name) => name.includes('/race/'))).toHaveLength(2);
  });

  it('leaves nothing behind when the catalogue cannot be written', async () => {
    const before = await vaultNames();
    const documents = {
      ...api.services.documents,
      transaction: async () => {
        throw new Error('the database is away');
      },
    };
    const model = {
      sizeBytes: 3,
      read: () => bytes.subarray(0, 3),
      stream: async function* () {
        yield bytes.subarray(0, 3);
      },
    };
    await expect(
      publishModel(
        { ...api.services, versionKeys: api.services.versionKeys, documents },
        { modelId: 'lost', version: '1', owner: null, format: 'opaque', model },
        new Date(),
      ),
    ).rejects.toThrow('the database is away');
    expect(await vaultNames()).toEqual(before);
  });

  it('keeps the bytes of a version whose entry was written though the answer was lost', async () => {
    const documents: typeof api.services.documents = {
      ...api.services.documents,
      async transaction(work) {
        await api.services.documents.transaction(work);
        throw new UpstreamError('firestore', 'transaction', { timedOut: true });
      },
    };
    const services = { ...api.services, versionKeys: api.services.versionKeys, documents };
    const model = { ...sourceOf(bytes), stream: () => streamOf(bytes) };
    const request = { modelId: 'late', version: '1', owner: null, model };
    await expect(publishModel(services, request, new Date())).rejects.toThrow(UpstreamError);
    const version = versionFor(await recordOf('late'), 'latest', 'anybody', new Date());
    expect(await vaultNames()).toEqual(
      expect.arrayContaining([version.vaultObject, version.manifestObject]),
    );
    const again = await publishModel(api.services, request, new Date());
    expect(again.outcome).toBe('unchanged');
  });
});

describe('the publish function', () => {
  const finalize = (name: string) =>
    createHandler(api.services)({
      id: 'e1',
      type: 'google.cloud.storage.object.v1.finalized',
      source: 'test',
      data: { bucket: 'test-intake', name },
    });
  const put = (name: string, data: Uint8Array, metadata: Record<string, string> = {}) =>
    api.clients.objects.write('test-intake', name, streamOf(data), { metadata });

  it('publishes an object of the intake bucket and deletes the plaintext', async () => {
    await put('intake-model/3.1/model.tflite', bytes);
    await finalize('intake-model/3.1/model.tflite');
    expect(versionFor(await recordOf('intake-model'), 'latest', 'u', new Date()).version).toBe(
      '3.1',
    );
    expect(
      await api.clients.objects.stat('test-intake', 'intake-model/3.1/model.tflite'),
    ).toBeUndefined();
    await expect(finalize('intake-model/3.1/model.tflite')).resolves.toBeUndefined();
  });

  it('makes a personal model of one whose metadata names an owner', async () => {
    const owner = { 'owner-issuer': api.idp.issuer, 'owner-subject': 'zoe' };
    await put('of-zoe/1/model.tflite', bytes, owner);
    await finalize('of-zoe/1/model.tflite');
    expect(readModel(await recordOf('of-zoe')).owner).toBe(api.userId('zoe'));
  });

  it('takes the tracing from the metadata', async () => {
    await put('marked/1/model.tflite', bytes, { tracing: 'standard' });
    await finalize('marked/1/model.tflite');
    expect(readModel(await recordOf('marked')).versions['1']?.tracing).toBe('standard');
  });

  it.each([
    ['tracing that is none', 'strong/1/model.tflite', { tracing: 'strong' }],
    ['half an owner', 'half-owner/1/model.tflite', { 'owner-subject': 'zoe' }],
    ['an empty owner', 'no-owner/1/model.tflite', { 'owner-issuer': '', 'owner-subject': '' }],
    ['a misspelt owner', 'ill-owner/1/model.tflite', { owner_issuer: 'i', owner_subject: 'zoe' }],
    ['a name of another form', 'model.tflite', {}],
    ['an id that is none', '../1/model.tflite', {}],
    ['a file that is no model', 'no-model/1/model.tflite', {}],
  ])(
    'deletes an object with %s, says so once and does not ask for it again',
    async (_, name, metadata) => {
      await put(name, name.startsWith('no-model') ? randomBytes(100) : bytes, metadata);
      await expect(finalize(name)).resolves.toBeUndefined();
      expect(await api.clients.objects.stat('test-intake', name)).toBeUndefined();
      const [id = ''] = name.split('/');
      expect(await api.clients.documents.get(`models/${id}`)).toBeUndefined();
      expect(api.logs.at(-1)).toContain('model refused');
      const said = api.logs.length;
      await finalize(name);
      expect(api.logs).toHaveLength(said);
    },
  );

  it('takes no event of another bucket', async () => {
    const handle = createHandler(api.services);
    await handle({ id: 'e2', type: 't', source: 's', data: { bucket: 'test-vault', name: 'x' } });
    await handle({ id: 'e3', type: 't', source: 's', data: null });
    expect(api.logs.at(-1)).toContain('not a finalize event');
  });
});
